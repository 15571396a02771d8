using System.CommandLine;
using System.Text.Json;
using Orchestrator.Learning.Adapters;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Cli.Commands;

/// <summary>Nothing is asked of <c>schema</c>.</summary>
sealed record SchemaRequest;

/// <summary><c>schema</c>: the JSON Schema of a spec, for editors.</summary>
sealed class SchemaCommand() : Verb<SchemaRequest>("schema", "Write the JSON Schema of a spec, for editors.")
{
    static readonly JsonSerializerOptions indented = new(CanonicalJson.Options) { WriteIndented = true };

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } =
    [
        "orchestrator schema > job.schema.json",
        "echo '# yaml-language-server: $schema=job.schema.json' | cat - job.yaml       completion and checks while you type",
    ];

    /// <inheritdoc/>
    public override SchemaRequest Read(ParseResult parsed) => new();

    /// <inheritdoc/>
    protected override int Run(SchemaRequest request, Output output, CancellationToken stop)
    {
        output.Line(SpecSchema.Of(Methods.Names).ToJsonString(indented));
        return ExitCodes.Done;
    }
}
