using Orchestrator.Collectives;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine;

/// <summary>One step of one generation, seen by the slots of a process: they arrive, wait, and each reads the sum until it lets go of it.</summary>
/// <param name="generation">whose</param>
/// <param name="step">which step</param>
/// <param name="slots">how many slots of this process take part</param>
#pragma warning disable CA1001 // its tokens and events hold nothing that must be given back, and a round is made for every step
sealed class ReductionRound(Generation generation, Step step, int slots)
{
    readonly CancellationTokenSource left = new();      // no timer and no handle: nothing to dispose
    ReducedStep reduced;
    PartialSum? sum;
    Action<PartialSum>? giveBack;
    Exception? fault;
    int readers = slots;

    public Generation Generation { get; } = generation;
    public Step Step { get; } = step;
    public int Slots { get; } = slots;
    public bool IsAlone { get; init; }
    public int Arrived { get; set; }
    public StopWish Wish { get; set; }
    public IExchangeSession? Session { get; private set; }
    public ManualResetEventSlim Joined { get; } = new();
    ManualResetEventSlim Done { get; } = new();

    /// <summary>Cancelled when a slot waits no more: the others have no use for the sum then, since an order has ended the generation for all of them.</summary>
    public CancellationToken Left => left.Token;

    /// <summary>The step's gradient, from the outcome on until the slot lets go: no later step is summed into this memory before.</summary>
    public ReadOnlySpan<float> Sum => sum!.Gradient;

    /// <summary>Waits for the outcome.</summary>
    /// <returns>whether it is there</returns>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled</exception>
    public bool Wait(TimeSpan patience, CancellationToken stop)
    {
        try
        {
            return Done.Wait(patience, stop);
        }
        catch (OperationCanceledException)
        {
            left.Cancel();
            throw;
        }
    }

    /// <summary>What became of the step.</summary>
    /// <exception cref="PeerLostException">a process is gone</exception>
    /// <exception cref="OperationCanceledException">the generation has passed</exception>
    public ReducedStep Outcome() => fault switch
    {
        null => reduced,
        PeerLostException lost => throw new PeerLostException(lost.Process, lost.Reason),
        OperationCanceledException => throw new OperationCanceledException($"generation {Generation} has passed"),
        BrokenInvariantException broken => throw broken,
        _ => throw new InvalidOperationException(fault.Message, fault),
    };

    /// <summary>A slot has read the sum. One that never does keeps it from being used again, and nothing else.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref readers) == 0)
            giveBack!(sum!);
    }

    public void Join(IExchangeSession joined)
    {
        Session = joined;
        Joined.Set();
    }

    /// <summary>The step after this one, of the same generation.</summary>
    public ReductionRound Next()
    {
        var next = new ReductionRound(Generation, Step.Next, Slots) { IsAlone = IsAlone };
        next.Join(Session!);
        return next;
    }

    public void Finish(ReducedStep outcome, PartialSum gradient, Action<PartialSum> whenRead)
    {
        (reduced, sum, giveBack) = (outcome, gradient, whenRead);
        Done.Set();
    }

    public void Fail(Exception why)
    {
        fault ??= why;
        Joined.Set();
        Done.Set();
    }

    public void Abandon()
    {
        fault ??= new OperationCanceledException($"generation {Generation} has passed");
        Joined.Set();
        Done.Set();
    }
}
