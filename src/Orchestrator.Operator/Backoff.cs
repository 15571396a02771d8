namespace Orchestrator.Operator;

/// <summary>How long what failed is left alone: twice as long after each failure in a row, within bounds.</summary>
sealed class Backoff(TimeProvider clock)
{
    /// <summary>After the first failure.</summary>
    public static readonly TimeSpan First = TimeSpan.FromMilliseconds(250);

    /// <summary>After many.</summary>
    public static readonly TimeSpan Most = TimeSpan.FromMinutes(1);

    const int DoublingsMax = 8;

    readonly Dictionary<string, (int Failures, DateTimeOffset Until)> failed = new(StringComparer.Ordinal);

    /// <summary>Whether it may be tried now.</summary>
    public bool IsDue(string what) => !failed.TryGetValue(what, out var known) || clock.GetUtcNow() >= known.Until;

    /// <summary>It has failed again.</summary>
    /// <returns>how long it is left alone</returns>
    public TimeSpan Failed(string what, TimeSpan? asked = null)
    {
        var failures = failed.GetValueOrDefault(what).Failures + 1;
        var pause = After(failures);
        if (asked > pause)
            pause = asked.Value < Most ? asked.Value : Most;
        failed[what] = (failures, clock.GetUtcNow() + pause);
        return pause;
    }

    /// <summary>It has worked.</summary>
    public void Succeeded(string what) => failed.Remove(what);

    /// <summary>Forgets whatever is not among these.</summary>
    public void Keep(IReadOnlySet<string> these)
    {
        foreach (var gone in failed.Keys.Where(what => !these.Contains(what)).ToList())
            failed.Remove(gone);
    }

    /// <summary>The pause after a number of failures in a row.</summary>
    public static TimeSpan After(int failures)
    {
        var pause = First * (1 << Math.Min(failures - 1, DoublingsMax));
        return pause < Most ? pause : Most;
    }
}
