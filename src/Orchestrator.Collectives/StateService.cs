using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Orchestrator.Collectives.Wire;

namespace Orchestrator.Collectives;

/// <summary>The side of <see cref="StateCopy"/> that peers call.</summary>
sealed class StateService(StateCopy copies, IHostApplicationLifetime lifetime) : State.StateBase
{
    public override async Task Copy(StateRequest request, IServerStreamWriter<StatePart> answers, ServerCallContext context)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        try
        {
            var parts = await copies.Parts(request, stop.Token)
                ?? throw new RpcException(new Status(StatusCode.Unavailable, $"it has no state of {request.Job}"));
            foreach (var part in parts)
                await answers.WriteAsync(part, stop.Token);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "this process is stopping"));
        }
    }
}
