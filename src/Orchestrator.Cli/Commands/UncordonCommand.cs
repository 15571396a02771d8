using Grpc.Core;
using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Commands;

/// <summary><c>uncordon</c>: a server's workers may get jobs again, after cordon, drain or quarantine.</summary>
sealed class UncordonCommand() : NamedServerVerb("uncordon", "Let a server's workers have jobs again, those that were quarantined too.")
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator uncordon gpu-3"];

    /// <inheritdoc/>
    protected override AsyncUnaryCall<Api.V1.Server> Mark(Workers.WorkersClient workers, ServerRequest request, CallOptions options) => workers.UncordonAsync(request, options);
}
