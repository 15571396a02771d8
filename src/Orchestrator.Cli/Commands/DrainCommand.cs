using Grpc.Core;
using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Commands;

/// <summary><c>drain</c>: a server's workers leave their jobs at the next step, and get no others.</summary>
sealed class DrainCommand() : NamedServerVerb("drain", "Free a server: its workers leave their jobs at the next step.")
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator drain gpu-3"];

    /// <inheritdoc/>
    protected override AsyncUnaryCall<Api.V1.Server> Mark(Workers.WorkersClient workers, ServerRequest request, CallOptions options) => workers.DrainAsync(request, options);
}
