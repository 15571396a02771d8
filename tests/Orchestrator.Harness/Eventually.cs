namespace Orchestrator.Harness;

/// <summary>Waits for what a process has no event for: its files, its answers. Bounded; what did not come is named, with what is known.</summary>
public static class Eventually
{
    static readonly TimeSpan between = TimeSpan.FromMilliseconds(10);

    /// <exception cref="TimeoutException">it does not come</exception>
    public static Task Holds(Func<bool> condition, TimeSpan within, string what, Func<string>? known = null) => Holds(() => Task.FromResult(condition()), within, what, known);

    /// <exception cref="TimeoutException">it does not come</exception>
    public static async Task Holds(Func<Task<bool>> condition, TimeSpan within, string what, Func<string>? known = null)
    {
        using var patience = new CancellationTokenSource(within);
        while (!await condition())
        {
            if (patience.IsCancellationRequested)
                throw new TimeoutException($"not within {within.TotalSeconds:0.#} s: {what}{Environment.NewLine}{known?.Invoke()}");
            await Task.Delay(between);
        }
    }
}
