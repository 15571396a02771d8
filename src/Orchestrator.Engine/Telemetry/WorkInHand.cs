using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine.Telemetry;

/// <summary>
/// What a process's workers put into the micro-batches of the step in hand. What of it is dropped before the step is committed becomes a debt: as much of the following work does again what
/// was done before, whoever does it, and counts as <see cref="WorkerState.Recompute"/>. So a second of work is never counted twice as computed.
/// </summary>
/// <param name="microBatches">M</param>
sealed class WorkInHand(int microBatches)
{
    readonly Lock gate = new();
    readonly long[] ticks = new long[microBatches];      // by micro-batch, of the step in hand
    Step step;
    long owed;

    /// <summary>The state of a worker that begins with a micro-batch.</summary>
    /// <param name="isCommitted">whether the step was in force before</param>
    public WorkerState Begin(bool isCommitted)
    {
        lock (gate)
            return isCommitted || owed > 0 ? WorkerState.Recompute : WorkerState.Compute;
    }

    /// <summary>A micro-batch was computed in this time.</summary>
    /// <param name="of">the step</param>
    /// <param name="m">the micro-batch</param>
    /// <param name="state">what <see cref="Begin"/> said</param>
    /// <param name="isCommitted">whether the step was in force before</param>
    /// <param name="past">ticks it took</param>
    /// <param name="counts">whether it is part of the step's sum</param>
    public void Done(Step of, int m, WorkerState state, bool isCommitted, long past, bool counts)
    {
        lock (gate)
        {
            if (isCommitted)
                return;
            if (state == WorkerState.Recompute)
                owed -= past;
            if (of != step)
            {
                Drop();
                step = of;
            }
            if (counts)
                ticks[m] += past;
            else
                owed += past;
        }
    }

    /// <summary>A membership begins: what is not held any more was for nothing.</summary>
    public void Keep(Func<int, bool> holds)
    {
        lock (gate)
        {
            for (var m = 0; m < ticks.Length; m++)
            {
                if (ticks[m] > 0 && !holds(m))
                {
                    owed += ticks[m];
                    ticks[m] = 0;
                }
            }
        }
    }

    /// <summary>A step is in force: nothing of it can be dropped any more.</summary>
    public void Committed(Step what)
    {
        lock (gate)
        {
            if (what == step)
                Array.Clear(ticks);
        }
    }

    void Drop()
    {
        owed += ticks.Sum();
        Array.Clear(ticks);
    }
}
