using System.Diagnostics;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine.Telemetry;

/// <summary>
/// Where a worker's time goes, turn by turn: its clock, the seconds that its reports tell, what is computed a second time, and the spans of traced steps. It measures, and no measurement reaches
/// the result. For the worker's own thread.
/// </summary>
/// <param name="me">the worker</param>
/// <param name="clock">its clock</param>
/// <param name="inHand">what its process puts into the step in hand</param>
sealed class StepTimes(WorkerId me, WorkerClock clock, WorkInHand inHand) : IDisposable
{
    readonly Stopwatch sinceCommit = new();
    double computeSeconds, reduceSeconds, shareSeconds;
    long started;                // of the micro-batch, or the sum, that is under way
    long ticks;                  // that the micro-batch took
    bool isRedone, hasShare, hasTrained;
    Activity? span;              // of the step in hand, where it is traced

    /// <summary>What a worker that waits is in.</summary>
    public WorkerState Resting { get; set; } = WorkerState.Idle;

    /// <summary>What the micro-batch under way counts as.</summary>
    public WorkerState ShareState { get; private set; }

    /// <summary>From now on in another state.</summary>
    public void Enter(WorkerState state) => clock.Enter(state);

    /// <summary>The worker waits for orders.</summary>
    public void Rest() => clock.Enter(Resting);

    /// <summary>What was under way has ended with its generation.</summary>
    public void BreakOff() => clock.Enter(Resting = WorkerState.Recovery);

    /// <summary>A membership begins.</summary>
    public void Join()
    {
        shareSeconds = 0;
        clock.Enter(hasTrained ? WorkerState.Recovery : WorkerState.Load);
    }

    /// <summary>The process has its part in it.</summary>
    /// <param name="holds">which micro-batches of the step in hand it keeps</param>
    public void Joined(Func<int, bool> holds)
    {
        inHand.Keep(holds);
        sinceCommit.Start();
    }

    /// <summary>A step is taken in hand.</summary>
    /// <param name="step">which</param>
    /// <param name="wasCommitted">whether it was in force before</param>
    /// <param name="trace">the span that its own belongs to; null where nothing is traced</param>
    public void BeginStep(Step step, bool wasCommitted, string? trace)
    {
        isRedone = wasCommitted;
        span?.Dispose();
        span = Traces.Step(trace, me, step);
    }

    /// <summary>A micro-batch of the worker's share begins.</summary>
    /// <returns>its span, where the step is traced</returns>
    public Activity? BeginShare(int m)
    {
        started = Stopwatch.GetTimestamp();
        (hasShare, hasTrained) = (true, true);
        ShareState = inHand.Begin(isRedone);
        return Traces.MicroBatch(span, m);
    }

    /// <summary>It is computed, and comes into the sum.</summary>
    public void FoldShare()
    {
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        (computeSeconds, shareSeconds) = (computeSeconds + seconds, shareSeconds + seconds);
        ticks = clock.Enter(WorkerState.Reduce);
    }

    /// <summary>It is in the sum, or counts no more.</summary>
    public void EndShare(Step step, int m, bool counts) => inHand.Done(step, m, ShareState, isRedone, ticks, counts);

    /// <summary>The seconds that the worker's share has taken; from now on there are none.</summary>
    public double TakeShareSeconds()
    {
        var seconds = shareSeconds;
        shareSeconds = 0;
        return seconds;
    }

    /// <summary>The worker's part is done; it waits for the sum.</summary>
    /// <returns>the span of the exchange, where the step is traced</returns>
    public Activity? BeginSum()
    {
        started = Stopwatch.GetTimestamp();
        clock.Enter(hasShare ? WorkerState.Peers : WorkerState.Idle, started);
        return Traces.Part(span, "exchange");
    }

    /// <summary>The sum is there; until <paramref name="summedFrom"/> others were waited for.</summary>
    public void EndSum(long summedFrom)
    {
        clock.Enter(WorkerState.Reduce, summedFrom);
        reduceSeconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>The step comes into force.</summary>
    public void Update()
    {
        clock.Enter(isRedone ? WorkerState.Recompute : WorkerState.Compute);
        hasShare = false;
    }

    /// <summary>The step is in force: nothing of it can be dropped any more.</summary>
    public void Commit(Step step) => inHand.Committed(step);

    /// <summary>The seconds of the step: computing its share, waiting for and making its sum, and in all since the step before. The next one's begin.</summary>
    public (double Compute, double Reduce, double Step) TakeSeconds()
    {
        var seconds = (computeSeconds, reduceSeconds, sinceCommit.Elapsed.TotalSeconds);
        (computeSeconds, reduceSeconds) = (0, 0);
        sinceCommit.Restart();
        return seconds;
    }

    /// <summary>The step is done with.</summary>
    public void EndStep()
    {
        span?.Dispose();
        span = null;
    }

    /// <inheritdoc/>
    public void Dispose() => EndStep();
}
