using System.Threading.Channels;
using Grpc.Core;
using Grpc.Net.Client;
using Orchestrator.Collectives.Wire;

namespace Orchestrator.Collectives;

/// <summary>
/// The stream to one peer of a generation: opened in the background, retried while the peer is coming up, and the first to know when the peer dies. Its queue is bounded by the protocol:
/// what a process owes to a peer in one step, and its beats while the queue is empty.
/// </summary>
sealed class PeerStream : IPeerLink, IDisposable
{
    static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(50);   // shorter than a beat, longer than a refusal

    readonly ExchangeSession session;
    readonly int peer;
    readonly Method<Frame, Frame> method;
    readonly ExchangeOptions options;
    readonly ExchangeCounters counters;
    readonly TimeProvider clock;
    readonly PeerTls? tls;
    readonly CancellationTokenSource stop = new();
    readonly Channel<Frame> queue = Channel.CreateUnbounded<Frame>();   // not SingleReader, which cannot count
    readonly Frame beat;
    volatile bool reached;

    public PeerStream(ExchangeSession session, int peer, Method<Frame, Frame> method, ExchangeOptions options, ExchangeCounters counters, TimeProvider clock, PeerTls? tls)
    {
        (this.session, this.peer, this.method, this.options, this.counters, this.clock, this.tls) = (session, peer, method, options, counters, clock, tls);
        beat = session.Frames.Control(Phase.Beat, 0);
    }

    /// <summary>Ends when everything was sent after <see cref="Complete"/>, or nothing more can be.</summary>
    public Task Running { get; private set; } = Task.CompletedTask;

    public void Start() => Running = Task.Run(Run);

    public void Send(Frame frame)
    {
        if (!queue.Writer.TryWrite(frame))
            frame.Release();
    }

    /// <summary>A sign of life, if nothing else is on its way.</summary>
    public void Beat()
    {
        if (queue.Reader.Count == 0)
            queue.Writer.TryWrite(beat);
    }

    /// <summary>Nothing comes after what was sent and <paramref name="farewell"/>. A peer that was not reached yet, or is lost, will not hear it.</summary>
    /// <param name="farewell">null for a peer that is lost</param>
    public void Complete(Frame? farewell)
    {
        if (!reached || farewell is null)
            stop.Cancel();
        else
            queue.Writer.TryWrite(farewell);
        queue.Writer.TryComplete();
    }

    /// <summary>Sends nothing more.</summary>
    public void Dispose() => stop.Cancel();

    async Task Run()
    {
        try
        {
            var (channel, call) = await Connect();
            using (channel)
            using (call)
                await Write(call);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        catch (Exception e)   // whatever the transport throws, it means that the peer cannot be reached
        {
            if (!session.HasLeft(peer))
                session.Lose(peer, Reason(e));
        }
        finally
        {
            queue.Writer.TryComplete();
            while (queue.Reader.TryRead(out var frame))
                frame.Release();
        }
    }

    async Task<(GrpcChannel Channel, AsyncDuplexStreamingCall<Frame, Frame> Call)> Connect()
    {
        using var deadline = new CancellationTokenSource(options.JoinTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stop.Token);
        var reason = "no answer";
        while (true)
        {
            var channel = GrpcChannel.ForAddress(session.Membership.Peers[peer].Address, ChannelOptions());
            var call = channel.CreateCallInvoker().AsyncDuplexStreamingCall(method, null, new CallOptions(cancellationToken: stop.Token));
            try
            {
                await call.RequestStream.WriteAsync(session.Frames.Hello(session.Membership, peer), either.Token);
                if (!await call.ResponseStream.MoveNext(either.Token) || call.ResponseStream.Current.Header.Phase != Phase.Welcome)
                    throw new RpcException(new Status(StatusCode.Internal, "it answers, but is no exchange"));
                reached = true;
                return (channel, call);
            }
            catch (Exception e)
            {
                call.Dispose();
                channel.Dispose();
                stop.Token.ThrowIfCancellationRequested();
                if (!deadline.IsCancellationRequested && (e as RpcException)?.StatusCode != StatusCode.Unavailable)
                    throw;
                reason = deadline.IsCancellationRequested ? reason : Reason(e);
                if (deadline.IsCancellationRequested)
                    throw new TimeoutException($"not joined within {options.JoinTimeout.TotalSeconds:0.#} s; {reason}", e);
            }
            await Task.Delay(RetryPause, clock, stop.Token);
        }
    }

    async Task Write(AsyncDuplexStreamingCall<Frame, Frame> call)
    {
        using var gone = new CancellationTokenSource();
        var end = Watch(call, gone);
        try
        {
            while (await queue.Reader.WaitToReadAsync(gone.Token))
                while (queue.Reader.TryRead(out var frame))
                {
                    counters.Sent(frame);
                    try
                    {
                        await call.RequestStream.WriteAsync(frame);
                    }
                    finally
                    {
                        frame.Release();
                    }
                }
            await call.RequestStream.CompleteAsync();
        }
        catch (Exception)
        {
            await end.WaitAsync(options.PeerSilence, clock);   // says why the call is over
            return;
        }
        await end;
    }

    // The peer sends nothing on this stream: when its reading side moves, the call is over. Its own stream says whether it left in peace.
    async Task Watch(AsyncDuplexStreamingCall<Frame, Frame> call, CancellationTokenSource gone)
    {
        try
        {
            while (await call.ResponseStream.MoveNext(stop.Token))
            {
            }
        }
        finally
        {
            await gone.CancelAsync();
        }
    }

    GrpcChannelOptions ChannelOptions()
    {
        var handler = PeerTls.Handler(tls, options);
        handler.PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan;
        return new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true, MaxReceiveMessageSize = FrameMarshaller.HeaderBytesMax, MaxSendMessageSize = FrameMarshaller.FrameBytesMax };
    }

    static string Reason(Exception e) => e is RpcException { Status: var status } ? $"{status.StatusCode}: {status.Detail}" : e.Message;
}
