using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Collectives;

/// <summary>
/// The processes of a generation sum one flat vector per step over the canonical tree. The bits of the sum depend on the micro-batches alone, not
/// on who holds which part of them.
/// </summary>
public interface IGradientExchange
{
    /// <summary>
    /// Takes part in a generation. Returns at once; connecting goes on in the background, and <see cref="IExchangeSession.Reduce"/> tells when it fails.
    /// A process takes part in one generation of a job at a time; joining a newer one makes peers of the older be refused.
    /// </summary>
    /// <exception cref="ArgumentException">the membership contradicts itself</exception>
    /// <exception cref="InvalidOperationException">this process takes part in this generation, or a newer one, already</exception>
    IExchangeSession Join(Membership membership);
}

/// <summary>A generation, seen by one of its processes. Disposing it says good-bye to the peers; it may block up to <see cref="ExchangeOptions.LeaveTimeout"/>.</summary>
public interface IExchangeSession : IDisposable
{
    /// <summary>
    /// Hands in a finished subtree of a step, before <see cref="Reduce"/>, as subtrees finish: its pieces are under way when this returns, and the caller may reuse the memory.
    /// Any thread may call it. A subtree handed in twice counts once.
    /// </summary>
    /// <param name="step">the step after the last one reduced; the first step of a generation is free</param>
    /// <param name="node">a node of the tree over <see cref="Membership.MicroBatches"/></param>
    /// <exception cref="ArgumentException">the step is not the next one, the node is none of the tree's, or its gradient is too short</exception>
    void Contribute(Step step, PartialSum node);

    /// <summary>
    /// Blocks the calling thread until the sum over all micro-batches is there. One call per step, from one thread at a time. After an exception
    /// the session can only be disposed.
    /// </summary>
    /// <param name="step">the step after the last one reduced</param>
    /// <param name="wish">this process's own wish</param>
    /// <param name="gradient">where the sum goes; as long as <see cref="Membership.Parameters"/></param>
    /// <param name="stop">stops waiting</param>
    /// <exception cref="PeerLostException">a peer is gone, and the step cannot be completed without it</exception>
    /// <exception cref="Orchestrator.Protocol.BrokenInvariantException">two peers hold parts that overlap</exception>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled</exception>
    /// <exception cref="ArgumentException">the step is not the next one, or <paramref name="gradient"/> has the wrong length</exception>
    ReducedStep Reduce(Step step, StopWish wish, Span<float> gradient, CancellationToken stop);

    /// <summary>
    /// Whether a micro-batch of the step in hand has arrived, as far as this process can see: of the slices that it owns. Where it owns none, nothing seems to be missing. Any
    /// thread may ask.
    /// </summary>
    bool HasArrived(Step step, int m);

    /// <summary>When the first piece of the last step's sum was there, as a timestamp of <see cref="System.Diagnostics.Stopwatch"/>; not part of what was summed.</summary>
    long SummedFrom { get; }

    /// <summary>Cancelled as soon as a peer is lost, so that it can be reported before <see cref="Reduce"/> is reached.</summary>
    CancellationToken Broken { get; }

    /// <summary>The peer that was lost first, or null.</summary>
    PeerLostException? Loss { get; }
}

/// <summary>What every process of the generation knows, to the bit, after a step was reduced, beside the gradient.</summary>
/// <param name="LossSum">sum of the losses of all micro-batches, over the canonical tree, in the unit that they were handed in</param>
/// <param name="Tokens">sum of their supervised tokens</param>
/// <param name="Wish">the wishes of all processes, OR-ed</param>
public readonly record struct ReducedStep(double LossSum, long Tokens, StopWish Wish);
