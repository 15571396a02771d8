using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Commands;

/// <summary><c>cancel</c>: a job ends without a result; what it has written stays.</summary>
sealed class CancelCommand() : JobVerb("cancel", "End a job; what it has written stays.")
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator cancel alpaca"];

    /// <inheritdoc/>
    protected override Task<int> Run(string request, Connection cluster, Output output, CancellationToken stop)
        => JobAnswer.Tell(cluster, (way, options) => new Jobs.JobsClient(way).CancelAsync(cluster.Job(request), options), output, stop);
}
