using System.Threading.Channels;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Collectives;

/// <summary>
/// The exchange between threads that stand for processes: the same trees, pieces and frames without a network. All of them join on the same object. A session that
/// is disposed in the middle of a step is a lost peer to the others.
/// </summary>
public sealed class InMemoryExchange : IGradientExchange
{
    readonly Dictionary<(string Job, Generation Generation), Hall> halls = [];
    readonly FramePool pool = new();

    /// <summary>What was exchanged so far.</summary>
    public ExchangeCounters Counters { get; } = new();

    /// <inheritdoc/>
    public IExchangeSession Join(Membership membership)
    {
        ArgumentNullException.ThrowIfNull(membership);
        var session = new ExchangeSession(membership.Checked(), pool, Counters);
        lock (halls)
        {
            var key = (membership.Job, membership.Generation);
            if (!halls.TryGetValue(key, out var hall))
                halls.Add(key, hall = new Hall(membership.Peers.Count));
            if (hall.Joined[membership.Self])
                throw new InvalidOperationException($"{membership.NameOf(membership.Self)} has joined generation {membership.Generation} of {membership.Job} already");
            hall.Joined[membership.Self] = true;
            var links = hall.Mailboxes.Select((mailbox, peer) => peer == membership.Self ? null : new Link(mailbox, membership.Self, Counters)).ToArray();
            session.Connect(links, leave: () => Leave(key, hall, session, links));
            _ = Deliver(hall.Mailboxes[membership.Self], session);
            return session;
        }
    }

    static async Task Deliver(Channel<(int From, Frame Frame)> mailbox, ExchangeSession session)
    {
        await Task.Yield();   // what peers sent before must not be folded under the caller's lock
        await foreach (var (from, frame) in mailbox.Reader.ReadAllAsync())
            session.Receive(from, frame);
    }

    void Leave((string, Generation) key, Hall hall, ExchangeSession session, Link?[] links)
    {
        foreach (var link in links)
            link?.Send(session.Farewell());
        hall.Mailboxes[session.Membership.Self].Writer.TryComplete();
        lock (halls)
            if (++hall.Left == hall.Joined.Length)
                halls.Remove(key);
    }

    sealed class Hall(int processes)
    {
        public bool[] Joined { get; } = new bool[processes];

        public Channel<(int From, Frame Frame)>[] Mailboxes { get; } =
            [.. Enumerable.Range(0, processes).Select(_ => Channel.CreateUnbounded<(int, Frame)>(new UnboundedChannelOptions { SingleReader = true }))];

        public int Left { get; set; }
    }

    sealed class Link(Channel<(int From, Frame Frame)> mailbox, int from, ExchangeCounters counters) : IPeerLink
    {
        public void Send(Frame frame)
        {
            counters.Sent(frame);
            if (!mailbox.Writer.TryWrite((from, frame)))
                frame.Release();
        }
    }
}
