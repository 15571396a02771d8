using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Commands;

/// <summary><c>get</c>: a job as it is now.</summary>
sealed class GetCommand() : JobVerb("get", "Show a job as it is now.")
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator get alpaca", "orchestrator get alpaca --json | jq -r .digest"];

    /// <inheritdoc/>
    protected override async Task<int> Run(string request, Connection cluster, Output output, CancellationToken stop)
    {
        var job = await cluster.Ask((way, options) => new Jobs.JobsClient(way).GetAsync(cluster.Job(request), options), stop);
        if (output.IsJson)
            output.JsonLine(JobJson.Of(job));
        else
            output.Facts($"{job.Namespace}/{job.Name}", JobText.Facts(job));
        return ExitCodes.Done;
    }
}
