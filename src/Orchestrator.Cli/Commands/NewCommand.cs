using System.CommandLine;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Server.Specs;

namespace Orchestrator.Cli.Commands;

/// <summary><c>new</c>: a spec with every key explained.</summary>
sealed class NewCommand : Verb<JobSpec>
{
    readonly Option<string?> name = new("--name") { HelpName = "NAME", Description = "The job's name." };
    readonly Option<string?> model = new("--model") { HelpName = "DIR", Description = "The base." };
    readonly Option<string?> data = new("--data") { HelpName = "FILE", Description = "The records." };

    public NewCommand() : base("new", "Write a commented spec with every key at its default.")
    {
        Add(name);
        Add(model);
        Add(data);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator new > job.yaml", "orchestrator new --name tiny --model models/tiny --data records.json > tiny.yaml"];

    /// <inheritdoc/>
    public override JobSpec Read(ParseResult parsed)
    {
        var example = SpecExample.Spec;
        return example with
        {
            Name = JobName.Parse(parsed.GetValue(name) ?? example.Name).Text,
            Model = example.Model with { Path = parsed.GetValue(model) ?? example.Model.Path },
            Data = example.Data with { Path = parsed.GetValue(data) ?? example.Data.Path },
        };
    }

    /// <inheritdoc/>
    protected override int Run(JobSpec request, Output output, CancellationToken stop)
    {
        output.Line(SpecExample.Text(request).TrimEnd());
        return ExitCodes.Done;
    }
}
