using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Orchestrator.Collectives.Wire;

namespace Orchestrator.Collectives;

/// <summary>The side of the exchange that peers call: says hello, hands frames to the session, and tells it how the stream ended.</summary>
sealed class ExchangeService(GradientExchange exchange, TimeProvider clock, IHostApplicationLifetime lifetime)
{
    /// <summary>One peer's stream, from HELLO to LEAVE.</summary>
    public async Task Stream(IAsyncStreamReader<Frame> frames, IServerStreamWriter<Frame> answers, ServerCallContext context)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        var (here, peer) = await Greet(frames, answers, stopping.Token);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stopping.Token, here.Ended);
        try
        {
            while (await frames.MoveNext(stop.Token))
            {
                here.Heard(peer);
                exchange.Counters.Received(frames.Current);
                here.Session.Receive(peer, frames.Current);
            }
            Over(here, peer, "its stream ended without a good-bye");
        }
        catch (OperationCanceledException) when (here.Ended.IsCancellationRequested)
        {
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            here.Session.Lose(peer, "this process is stopping");   // and hears nobody any more
            throw new RpcException(new Status(StatusCode.Unavailable, "this process is stopping"));
        }
        catch (Exception e)   // a connection breaks in many ways, and a frame that is none is one of them
        {
            Over(here, peer, "its stream broke: " + e.Message);
            throw new RpcException(new Status(StatusCode.Aborted, e.Message));
        }
    }

    async Task<(Participation Here, int Peer)> Greet(IAsyncStreamReader<Frame> frames, IServerStreamWriter<Frame> answers, CancellationToken stop)
    {
        using var deadline = new CancellationTokenSource(exchange.Options.JoinTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stop);
        if (!await frames.MoveNext(either.Token))
            throw new RpcException(new Status(StatusCode.InvalidArgument, "a stream begins with HELLO"));
        var first = frames.Current;
        var peer = first.Header.Hello?.From ?? 0;
        try
        {
            var here = exchange.Admit(first.Header);
            await answers.WriteAsync(here.Session.Frames.Control(Phase.Welcome, 0), stop);
            return (here, peer);
        }
        finally
        {
            first.Release();
        }
    }

    static void Over(Participation here, int peer, string how)
    {
        if (!here.Session.HasLeft(peer))
            here.Session.Lose(peer, how);
    }

    /// <summary>Binds the stream and its marshaller in code.</summary>
    internal sealed class Methods(GradientExchange exchange) : IServiceMethodProvider<ExchangeService>
    {
        public void OnServiceMethodDiscovery(ServiceMethodProviderContext<ExchangeService> context)
            => context.AddDuplexStreamingMethod(exchange.Method, [], static (service, frames, answers, call) => service.Stream(frames, answers, call));
    }
}
