using System.CommandLine;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Server.Specs;

namespace Orchestrator.Cli.Commands;

/// <summary>What the command line of <c>validate</c> says.</summary>
/// <param name="SpecFile">the spec's file</param>
/// <param name="Overrides">what wins over it</param>
sealed record ValidateRequest(string SpecFile, IReadOnlyList<SpecOverride> Overrides);

/// <summary><c>validate</c>: everything that is wrong with a spec, at once. Files that are missing are warnings: the spec may be meant for another machine.</summary>
sealed class ValidateCommand : Verb<ValidateRequest>
{
    readonly Argument<string> spec = new("SPEC") { Description = "The job, in YAML or JSON; - reads standard input." };
    readonly Option<string[]> set = new("--set") { HelpName = "path=value", Description = "Override a key of the spec, again and again." };

    public ValidateCommand() : base("validate", "Check a spec and show what it means with every default.")
    {
        Add(spec);
        Add(set);
        Add(Json);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator validate job.yaml", "orchestrator validate job.yaml --json | jq .spec.training"];

    /// <inheritdoc/>
    public override ValidateRequest Read(ParseResult parsed)
        => new(parsed.GetRequiredValue(spec), [.. (parsed.GetValue(set) ?? []).Select(SpecOverride.Parse)]);

    /// <inheritdoc/>
    protected override int Run(ValidateRequest request, Output output, CancellationToken stop)
    {
        var job = SpecReader.Read(request.SpecFile, request.Overrides, MethodNames.Check);
        var warnings = SpecRules.Warnings(job).Concat(SpecFiles.Missing(job).Select(problem => problem.ToString())).ToList();
        if (output.IsJson)
            output.JsonLine(new { valid = true, digest = CanonicalJson.Digest(job), warnings, spec = System.Text.Json.JsonDocument.Parse(CanonicalJson.Of(job)).RootElement });
        else
        {
            warnings.ForEach(output.Warning);
            output.Line(SpecYaml.Write(job, comments: false).TrimEnd());
            output.Line($"# valid; digest {CanonicalJson.Digest(job)}");
        }
        return ExitCodes.Done;
    }
}
