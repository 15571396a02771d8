using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Commands;

/// <summary><c>delete</c>: a job that is over is forgotten, and its files.</summary>
sealed class DeleteCommand() : JobVerb("delete", "Forget a job that is over, and its files.")
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator delete alpaca"];

    /// <inheritdoc/>
    protected override async Task<int> Run(string request, Connection cluster, Output output, CancellationToken stop)
    {
        await cluster.Ask((way, options) => new Jobs.JobsClient(way).DeleteAsync(cluster.Job(request), options), stop);
        if (output.IsJson)
            output.JsonLine(new { Namespace = cluster.Space, Name = request, Deleted = true });
        else
            output.Line($"{request}: deleted");
        return ExitCodes.Done;
    }
}
