using Grpc.Core;
using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Commands;

/// <summary><c>cordon</c>: a server's workers get no new job; those that they have go on.</summary>
sealed class CordonCommand() : NamedServerVerb("cordon", "Give no new job to a server's workers.")
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator cordon gpu-3"];

    /// <inheritdoc/>
    protected override AsyncUnaryCall<Api.V1.Server> Mark(Workers.WorkersClient workers, ServerRequest request, CallOptions options) => workers.CordonAsync(request, options);
}
