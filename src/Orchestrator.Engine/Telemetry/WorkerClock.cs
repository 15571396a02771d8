using System.Diagnostics;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine.Telemetry;

/// <summary>
/// A worker's clock: always running, in one state at a time. Its own thread switches it, without an allocation; any thread may read it. It measures, and no measurement reaches the result.
/// </summary>
public sealed class WorkerClock
{
    readonly Lock gate = new();
    readonly long[] ticks = new long[WorkerSeconds.States];
    readonly Guid incarnation = Guid.NewGuid();
    readonly WorkerId worker;
    long since = Stopwatch.GetTimestamp();
    WorkerState now = WorkerState.Load;
    bool stopped;
    bool silent;

    /// <summary>Starts the clock, in <see cref="WorkerState.Load"/>.</summary>
    public WorkerClock(WorkerId worker) => this.worker = worker;

    /// <summary>From now on in another state.</summary>
    /// <returns>ticks of <see cref="Stopwatch"/> since the last switch</returns>
    public long Enter(WorkerState next) => Enter(next, Stopwatch.GetTimestamp());

    /// <summary>In another state since <paramref name="moment"/>, a timestamp of <see cref="Stopwatch"/>; one before the last switch is that switch.</summary>
    /// <returns>ticks from the last switch to this one</returns>
    public long Enter(WorkerState next, long moment)
    {
        lock (gate)
        {
            var past = stopped ? 0 : Math.Max(0, moment - since);
            ticks[(int)now] += past;
            since += past;
            now = next;
            return past;
        }
    }

    /// <summary>The worker has left: the clock stands.</summary>
    public void Stop()
    {
        lock (gate)
        {
            Enter(now);
            stopped = true;
        }
    }

    /// <summary>Nobody hears of it any more, as if its process were gone.</summary>
    public void Silence()
    {
        lock (gate)
            silent = true;
    }

    /// <summary>What it shows; null once it is silent.</summary>
    public WorkerAccount? Read()
    {
        Span<double> seconds = stackalloc double[WorkerSeconds.States];
        lock (gate)
        {
            if (silent)
                return null;
            Enter(now);
            for (var i = 0; i < seconds.Length; i++)
                seconds[i] = (double)ticks[i] / Stopwatch.Frequency;
            return new WorkerAccount(worker, incarnation, now, WorkerSeconds.Of(seconds), stopped);
        }
    }
}
