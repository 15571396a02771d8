using System.Collections.Concurrent;
using Grpc.Core;
using Orchestrator.Collectives.Wire;

namespace Orchestrator.Collectives;

/// <summary>The exchange over gRPC: one stream to every peer, and one from every peer through <see cref="ExchangeService"/>. One per process.</summary>
public sealed class GradientExchange : IGradientExchange, IDisposable
{
    readonly ConcurrentDictionary<string, Participation> jobs = new(StringComparer.Ordinal);
    readonly ExchangeOptions options;
    readonly TimeProvider clock;
    readonly PeerTls? tls;
    readonly FramePool pool = new();

    /// <param name="options">what to wait for</param>
    /// <param name="clock">measures the silence of peers</param>
    /// <param name="tls">how peers know each other; null where they speak in clear text</param>
    public GradientExchange(ExchangeOptions options, TimeProvider clock, PeerTls? tls = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        (this.options, this.clock, this.tls) = (options.Checked(), clock, tls);
        Method = FrameMarshaller.Method(pool);
    }

    /// <summary>What was exchanged so far.</summary>
    public ExchangeCounters Counters { get; } = new();

    internal Method<Frame, Frame> Method { get; }

    internal ExchangeOptions Options => options;

    /// <inheritdoc/>
    public IExchangeSession Join(Membership membership)
    {
        ArgumentNullException.ThrowIfNull(membership);
        var session = new ExchangeSession(membership.Checked(), pool, Counters);
        var mine = new Participation(session, options, Method, Counters, clock, tls);
        jobs.AddOrUpdate(membership.Job, mine, (_, other) => other.Session.Membership.Generation < membership.Generation ? mine
            : throw new InvalidOperationException($"this process takes part in generation {other.Session.Membership.Generation} of {membership.Job}; {membership.Generation} is not newer"));
        mine.Start(left: () =>
        {
            jobs.TryRemove(KeyValuePair.Create(membership.Job, mine));
            if (jobs.IsEmpty)
                pool.Trim();
        });
        return session;
    }

    /// <summary>Ends what takes part in generations still, without a good-bye.</summary>
    public void Dispose()
    {
        foreach (var (_, participation) in jobs)
            participation.Dispose();
    }

    /// <summary>Who a caller's stream is for.</summary>
    /// <exception cref="RpcException">refused: not joined (yet), another generation, or another idea of it</exception>
    internal Participation Admit(Header header)
    {
        var hello = header.Hello;
        if (header.Phase != Phase.Hello || hello is null)
            throw Refused(StatusCode.InvalidArgument, "a stream begins with HELLO");
        if (!jobs.TryGetValue(hello.Job, out var here))
            throw Refused(StatusCode.Unavailable, "this process does not take part in this job");
        var m = here.Session.Membership;
        if (header.Generation < m.Generation.Number)
            throw Refused(StatusCode.FailedPrecondition, $"generation {header.Generation} is over; {m.Generation} is here");
        if (header.Generation > m.Generation.Number)
            throw Refused(StatusCode.Unavailable, $"generation {header.Generation} is not here yet; {m.Generation} is");
        if (hello.Processes != m.Peers.Count || hello.MicroBatches != m.MicroBatches || hello.Parameters != m.Parameters || hello.To != m.Self)
            throw Refused(StatusCode.FailedPrecondition,
                $"{hello.Processes} processes, {hello.MicroBatches} micro-batches, {hello.Parameters} parameters and this as number {hello.To};"
                + $" here {m.Peers.Count}, {m.MicroBatches}, {m.Parameters} and {m.Self}");
        if ((uint)hello.From >= (uint)m.Peers.Count || hello.From == m.Self)
            throw Refused(StatusCode.InvalidArgument, $"there is no peer {hello.From}");
        if (!here.TryEnter(hello.From))
            throw Refused(StatusCode.AlreadyExists, $"{m.NameOf(hello.From)} has its stream already");
        return here;
    }

    static RpcException Refused(StatusCode code, string why) => new(new Status(code, why));
}
