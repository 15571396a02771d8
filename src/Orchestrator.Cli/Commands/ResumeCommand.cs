using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Commands;

/// <summary><c>resume</c>: a paused job goes on, in its old place of the queue.</summary>
sealed class ResumeCommand() : JobVerb("resume", "Let a paused job go on.")
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator resume alpaca"];

    /// <inheritdoc/>
    protected override Task<int> Run(string request, Connection cluster, Output output, CancellationToken stop)
        => JobAnswer.Tell(cluster, (way, options) => new Jobs.JobsClient(way).ResumeAsync(cluster.Job(request), options), output, stop);
}
