using System.CommandLine;
using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Commands;

/// <summary>What the command line of <c>scale</c> says.</summary>
/// <param name="Job">which</param>
/// <param name="Workers">how many are to compute</param>
sealed record ScaleArguments(string Job, int Workers);

/// <summary><c>scale</c>: another number of workers, from the next step on.</summary>
sealed class ScaleCommand : ServerVerb<ScaleArguments>
{
    readonly Argument<string> job = JobNames.Argument();
    readonly Option<int?> workers = new("--workers", "-w") { HelpName = "N", Required = true, Description = "How many compute from the next step on. Never changes the result." };

    public ScaleCommand() : base("scale", "Give a job another number of workers.")
    {
        workers.Validators.Add(OptionRange.Of(workers, 1, 1024));
        Add(job);
        Add(workers);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator scale alpaca --workers 5"];

    /// <inheritdoc/>
    protected override ScaleArguments ReadRequest(ParseResult parsed) => new(parsed.GetRequiredValue(job), parsed.GetRequiredValue(workers)!.Value);

    /// <inheritdoc/>
    protected override Task<int> Run(ScaleArguments request, Connection cluster, Output output, CancellationToken stop) => JobAnswer.Tell(
        cluster, (way, options) => new Jobs.JobsClient(way).ScaleAsync(new ScaleRequest { Namespace = cluster.Space, Name = request.Job, Workers = request.Workers }, options), output, stop);
}
