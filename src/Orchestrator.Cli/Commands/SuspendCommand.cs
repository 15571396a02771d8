using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Commands;

/// <summary><c>suspend</c>: a job writes a checkpoint and gives its workers back.</summary>
sealed class SuspendCommand() : JobVerb("suspend", "Pause a job: it writes a checkpoint and gives its workers back.")
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator suspend alpaca"];

    /// <inheritdoc/>
    protected override Task<int> Run(string request, Connection cluster, Output output, CancellationToken stop)
        => JobAnswer.Tell(cluster, (way, options) => new Jobs.JobsClient(way).SuspendAsync(cluster.Job(request), options), output, stop);
}
