using System.Diagnostics;
using Orchestrator.Collectives.Wire;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Collectives;

/// <summary>
/// The exchange as one process of a generation sees it, whatever carries the frames: scatter the pieces of finished nodes to their owners, finish the trees
/// of the pieces that this process owns, gather the sums.
/// </summary>
sealed class ExchangeSession : IExchangeSession
{
    readonly object gate = new();
    readonly Piece[] pieces;
    readonly StepWindow window;
    readonly CanonicalTree<int> shape;          // knows what is a node
    readonly long[] leftAfter;                  // by peer: the last step that it takes part in
    readonly CancellationTokenSource broken = new();
    readonly ExchangeCounters counters;
    IPeerLink?[] links = [];
    Action? leave;
    Exception? fault;

    public ExchangeSession(Membership membership, FramePool pool, ExchangeCounters counters)
    {
        Membership = membership;
        Frames = new OwnFrames(membership.Generation, pool);
        this.counters = counters;
        pieces = Pieces.Of(membership.Parameters, membership.Peers.Count);
        window = new StepWindow(membership, pieces);
        shape = new CanonicalTree<int>(membership.MicroBatches, static (left, _) => left);
        leftAfter = [.. Enumerable.Repeat(long.MaxValue, membership.Peers.Count)];
    }

    public Membership Membership { get; }

    /// <summary>Makes the frames of this process.</summary>
    public OwnFrames Frames { get; }

    public CancellationToken Broken => broken.Token;

    public long SummedFrom { get; private set; }

    public PeerLostException? Loss => Volatile.Read(ref fault) as PeerLostException;

    /// <summary>Connects the session with its peers, before anything else.</summary>
    /// <param name="links">by peer; null for this process</param>
    /// <param name="leave">says good-bye to them, when the session is disposed</param>
    public ExchangeSession Connect(IPeerLink?[] links, Action leave)
    {
        (this.links, this.leave) = (links, leave);
        return this;
    }

    public void Contribute(Step step, PartialSum node)
    {
        ArgumentNullException.ThrowIfNull(node);
        if (node.Gradient.Length < Membership.Parameters)
            throw new ArgumentException($"a gradient of {node.Gradient.Length} floats; {Membership.Parameters} are needed", nameof(node));
        if (!shape.Contains(node.Node))
            throw new ArgumentException($"{node.Node} is no node of the tree over {Membership.MicroBatches} micro-batches", nameof(node));
        lock (gate)
            window.Begin(step);
        foreach (var piece in pieces)
            Send(piece.Owner, Frames.Scatter(step, node, piece));
    }

    public ReducedStep Reduce(Step step, StopWish wish, Span<float> gradient, CancellationToken stop)
    {
        if (gradient.Length != Membership.Parameters)
            throw new ArgumentException($"room for {gradient.Length} floats; {Membership.Parameters} will come", nameof(gradient));
        StepSums sums;
        var from = Stopwatch.GetTimestamp();
        lock (gate)
            sums = window.Begin(step);
        Send(pieces[0].Owner, Frames.Wish(step, wish));

        using var wake = stop.UnsafeRegister(static session => ((ExchangeSession)session!).Wake(), this);
        var result = default(ReducedStep);
        for (var i = 0; i < pieces.Length; i++)
        {
            var frame = Await(step, sums, stop);
            if (i == 0)
                SummedFrom = Stopwatch.GetTimestamp();
            var header = frame.Header;
            frame.Floats.CopyTo(gradient[pieces[header.Piece].Offset..]);
            if (header.Piece == 0)
                result = new ReducedStep(header.LossSum, header.Tokens, (StopWish)header.Wish);
            frame.Release();
        }
        lock (gate)
            window.Close();
        counters.Summed(from, SummedFrom, Stopwatch.GetTimestamp());
        return result;
    }

    public bool HasArrived(Step step, int m)
    {
        lock (gate)
            return window.Find(step.Number)?.HasArrived(m) ?? true;
    }

    /// <summary>Takes a frame of a peer. What is late, doubled, of another generation or does not fit is dropped and counted.</summary>
    public void Receive(int from, Frame frame)
    {
        lock (gate)
            if (!TryTake(from, frame))
                counters.Dropped();
    }

    /// <summary>A peer is gone without a good-bye, or cannot be reached.</summary>
    public void Lose(int peer, string reason) => Fail(new PeerLostException(Membership.NameOf(peer), reason));

    /// <summary>Whether a peer has said that it takes part no more.</summary>
    public bool HasLeft(int peer)
    {
        lock (gate)
            return leftAfter[peer] != long.MaxValue;
    }

    /// <summary>Whether all peers have got through a step together.</summary>
    public bool HasReduced
    {
        get
        {
            lock (gate)
                return window.HasReduced;
        }
    }

    /// <summary>What every peer is told last.</summary>
    public Frame Farewell()
    {
        lock (gate)
        {
            var frame = Frames.Control(Phase.Leave, window.Reduced);
            for (var peer = 0; peer < Membership.Peers.Count && Loss is { } loss; peer++)
                if (Membership.NameOf(peer) == loss.Process)
                    frame.Header.Lost = peer + 1;
            return frame;
        }
    }

    public void Dispose()
    {
        Interlocked.Exchange(ref leave, null)?.Invoke();
        Fail(new ObjectDisposedException(nameof(IExchangeSession)));
        lock (gate)
            window.Clear();
    }

    void Send(int peer, Frame frame)
    {
        if (links[peer] is { } link)
            link.Send(frame);
        else
            Receive(peer, frame);
    }

    // The caller's thread sleeps here, while the threads that read from peers fold and wake it for every piece.
    Frame Await(Step step, StepSums sums, CancellationToken stop)
    {
        lock (gate)
            while (true)
            {
                if (sums.TryTake() is { } frame)
                    return frame;
                stop.ThrowIfCancellationRequested();
                if (fault is not null)
                    throw fault;
                for (var peer = 0; peer < leftAfter.Length; peer++)
                    if (leftAfter[peer] < step.Number)
                        throw new PeerLostException(Membership.NameOf(peer), $"it left after step {leftAfter[peer]}");
                Monitor.Wait(gate);
            }
    }

    void Wake()
    {
        lock (gate)
            Monitor.PulseAll(gate);
    }

    bool TryTake(int from, Frame frame)
    {
        var header = frame.Header;
        if (header.Generation == Membership.Generation.Number && fault is not ObjectDisposedException)
            switch (header.Phase)
            {
                case Phase.Beat:
                    return true;
                case Phase.Leave:
                    Left(from, header);
                    return true;
                case Phase.Wish when pieces[0].Owner == Membership.Self && window.Find(header.Step) is { } sums:
                    sums.Wish(from, (StopWish)header.Wish);
                    Finish(sums, piece: 0);
                    return true;
                case Phase.Scatter when window.Find(header.Step) is { } sums:
                    return TryFold(sums, frame);
                case Phase.Gather when (uint)header.Piece < (uint)pieces.Length && pieces[header.Piece].Owner == from && window.Find(header.Step) is { } sums:
                    Monitor.PulseAll(gate);
                    return sums.Keep(frame);
            }
        frame.Release();
        return false;
    }

    bool TryFold(StepSums sums, Frame frame)
    {
        var piece = frame.Header.Piece;
        try
        {
            if (!sums.TryAdd(frame))
                return false;
        }
        catch (BrokenInvariantException e)
        {
            Fail(e);
            return false;
        }
        Finish(sums, piece);
        return true;
    }

    void Finish(StepSums sums, int piece)
    {
        if (sums.TakeFinished(piece) is not { } sum)
            return;
        foreach (var link in links)
            link?.Send(sum.Retain());
        sums.Keep(sum);
        Monitor.PulseAll(gate);
    }

    void Left(int peer, Header farewell)
    {
        leftAfter[peer] = farewell.Step;
        var lost = farewell.Lost - 1;
        if (lost == Membership.Self)
            Lose(peer, "it has lost this process");
        else if ((uint)lost < (uint)leftAfter.Length && lost != peer)
            Lose(lost, $"{Membership.NameOf(peer)} has lost it");
        Monitor.PulseAll(gate);
    }

    void Fail(Exception what)
    {
        lock (gate)
        {
            if (fault is not null)
                return;
            fault = what;
            Monitor.PulseAll(gate);
        }
        if (what is PeerLostException)
            _ = broken.CancelAsync();   // whoever listens does so on another thread, and not under our lock
    }
}
