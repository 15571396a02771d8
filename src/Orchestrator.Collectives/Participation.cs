using Grpc.Core;

namespace Orchestrator.Collectives;

/// <summary>This process's part in one generation over gRPC: its session, the streams to the peers, and when each of them was heard last.</summary>
sealed class Participation : IDisposable
{
    const long Never = long.MinValue;
    const int FirstStepPatience = 5;   // times PeerSilence: a process that has just started compiles what it runs, and on a busy machine that took a second (measured)

    readonly ExchangeOptions options;
    readonly TimeProvider clock;
    readonly PeerStream?[] streams;
    readonly long[] heard;       // by peer: the clock's timestamp
    readonly bool[] entered;     // by peer: whether its stream came
    readonly CancellationTokenSource ended = new();

    public Participation(ExchangeSession session, ExchangeOptions options, Method<Frame, Frame> method, ExchangeCounters counters, TimeProvider clock, PeerTls? tls)
    {
        (Session, this.options, this.clock) = (session, options, clock);
        var peers = session.Membership.Peers.Count;
        streams = [.. Enumerable.Range(0, peers).Select(peer => peer == session.Membership.Self ? null : new PeerStream(session, peer, method, options, counters, clock, tls))];
        heard = [.. Enumerable.Repeat(Never, peers)];
        entered = new bool[peers];
    }

    public ExchangeSession Session { get; }

    /// <summary>Cancelled when this process takes part no more.</summary>
    public CancellationToken Ended => ended.Token;

    public void Start(Action left)
    {
        Session.Connect(streams, leave: () =>
        {
            left();
            Leave();
        });
        foreach (var stream in streams)
            stream?.Start();
        if (!Session.Membership.IsAlone)
            _ = Task.Run(Listen);
    }

    /// <summary>A peer's stream has come; it has one in a generation.</summary>
    public bool TryEnter(int peer)
    {
        lock (entered)
        {
            if (entered[peer])
                return false;
            Heard(peer);
            return entered[peer] = true;
        }
    }

    /// <summary>A frame of the peer is here.</summary>
    public void Heard(int peer) => Volatile.Write(ref heard[peer], clock.GetTimestamp());

    /// <summary>Breaks all streams; the session's caller will find the peers lost.</summary>
    public void Dispose()
    {
        foreach (var stream in streams)
            stream?.Dispose();
        ended.Cancel();
        for (var peer = 0; peer < streams.Length; peer++)
            if (streams[peer] is not null)
                Session.Lose(peer, "this process is stopping");
    }

    void Leave()
    {
        var farewell = Session.Farewell();
        for (var peer = 0; peer < streams.Length; peer++)
            streams[peer]?.Complete(peer + 1 == farewell.Header.Lost ? null : farewell);
        Task.WaitAll([.. streams.Select(stream => stream?.Running ?? Task.CompletedTask)], options.LeaveTimeout);
        foreach (var stream in streams)
            stream?.Dispose();
        ended.Cancel();
    }

    // Sends beats and minds those of the others. A process that was itself held up (a debugger, a laptop's lid, a starved machine) judges nobody by that time.
    async Task Listen()
    {
        var joined = clock.GetTimestamp();
        var last = joined;
        using var timer = new PeriodicTimer(options.BeatInterval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(Ended))
            {
                var now = clock.GetTimestamp();
                var heldUp = clock.GetElapsedTime(last, now) > options.PeerSilence / 2;
                last = now;
                for (var peer = 0; peer < streams.Length; peer++)
                {
                    streams[peer]?.Beat();
                    if (heldUp && Volatile.Read(ref heard[peer]) != Never)
                        Heard(peer);
                    if (streams[peer] is not null && !Session.HasLeft(peer))
                        Judge(peer, joined, now);
                }
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    void Judge(int peer, long joined, long now)
    {
        var at = Volatile.Read(ref heard[peer]);
        var silenceMax = Session.HasReduced ? options.PeerSilence : FirstStepPatience * options.PeerSilence;
        if (at == Never && clock.GetElapsedTime(joined, now) > options.JoinTimeout)
            Session.Lose(peer, $"its stream did not come within {options.JoinTimeout.TotalSeconds:0.#} s");
        else if (at != Never && clock.GetElapsedTime(at, now) > silenceMax)
            Session.Lose(peer, $"silent for {clock.GetElapsedTime(at, now).TotalMilliseconds:0} ms");
    }
}
