using System.CommandLine;
using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Commands;

/// <summary><c>workers</c>: who could compute, and who does.</summary>
sealed class WorkersCommand() : ServerVerb<bool>("workers", "List the workers of a cluster and what they do.", hasNamespace: false)
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator workers"];

    /// <inheritdoc/>
    protected override bool ReadRequest(ParseResult parsed) => true;

    /// <inheritdoc/>
    protected override async Task<int> Run(bool request, Connection cluster, Output output, CancellationToken stop)
    {
        var answer = await cluster.Ask((way, options) => new Workers.WorkersClient(way).ListAsync(new ListWorkersRequest(), options), stop);
        ServerText.Tell(answer.Servers, output);
        return ExitCodes.Done;
    }
}
