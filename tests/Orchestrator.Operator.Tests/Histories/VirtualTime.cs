using System.Collections.Concurrent;

namespace Orchestrator.Operator.Tests.Histories;

/// <summary>Time that passes only when nothing else is left to do, on one thread: the same seed is the same history.</summary>
sealed class VirtualTime : TimeProvider
{
    readonly ConcurrentQueue<(SendOrPostCallback Callback, object? State)> ready = new();
    readonly List<Timer> timers = [];
    DateTimeOffset now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => now;

    public override long GetTimestamp() => now.UtcTicks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Runs a story until it has ended.</summary>
    public void Run(Func<Task> story)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(new Single(this));
        try
        {
            var told = story();
            while (!told.IsCompleted)
            {
                if (ready.TryDequeue(out var next))
                {
                    next.Callback(next.State);
                    continue;
                }
                var due = timers.Where(timer => timer.Due is not null).MinBy(timer => timer.Due) ?? throw new InvalidOperationException("nothing is left to wait for, and the story has not ended");
                now = due.Due > now ? due.Due.Value : now;
                due.Fire();
            }
            told.GetAwaiter().GetResult();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    /// <summary>Waits for something, at most for a time. (Task.WhenAny may go on from another thread.)</summary>
    /// <returns>whether it came</returns>
    public async Task<bool> Within(TimeSpan most, Task awaited, CancellationToken stop)
    {
        var done = new TaskCompletionSource<bool>();
        await using var timer = CreateTimer(_ => done.TrySetResult(false), null, most, Timeout.InfiniteTimeSpan);
        await using var stopped = stop.Register(() => done.TrySetResult(false));
        awaited.GetAwaiter().OnCompleted(() => done.TrySetResult(true));
        return await done.Task;
    }

    sealed class Timer(VirtualTime time, TimerCallback callback, object? state) : ITimer
    {
        TimeSpan every;

        public DateTimeOffset? Due { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            (Due, every) = (dueTime == Timeout.InfiniteTimeSpan ? null : time.now + dueTime, period);
            if (Due is null)
                time.timers.Remove(this);
            else if (!time.timers.Contains(this))
                time.timers.Add(this);
            return true;
        }

        public void Fire()
        {
            if (every > TimeSpan.Zero)
                Due += every;
            else
                Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            callback(state);
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }

    sealed class Single(VirtualTime time) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => time.ready.Enqueue((d, state));

        public override void Send(SendOrPostCallback d, object? state) => d(state);
    }
}
