namespace Orchestrator.Engine;

/// <summary>
/// Says how long a worker's thread has been at one thing, to another thread that looks at it every <see cref="Period"/>. It counts looks, not time: a process that was stopped as a whole did not
/// look either.
/// </summary>
sealed class HangWatch
{
    /// <summary>Time between two looks.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromMilliseconds(250);

    long turn;                // odd while something is watched
    double secondsMax;
    long seen;                // by whoever looks
    int looks;

    /// <summary>Something begins that should take at most so many seconds.</summary>
    public void Begin(double seconds)
    {
        Volatile.Write(ref secondsMax, seconds);
        Interlocked.Increment(ref turn);
    }

    /// <summary>It is done.</summary>
    public void End() => Interlocked.Increment(ref turn);

    /// <summary>A look. One thread at a time.</summary>
    /// <returns>whether it takes too long by now</returns>
    public bool Look()
    {
        var now = Interlocked.Read(ref turn);
        if (now % 2 == 0 || now != seen)
        {
            (seen, looks) = (now, 0);
            return false;
        }
        return ++looks * Period.TotalSeconds > Volatile.Read(ref secondsMax);
    }
}
