namespace Orchestrator.Cluster.Tests;

/// <summary>
/// What is promised where the machine is the cluster's own; <c>kills</c> measures that. A test also allows for a machine with fewer cores than processes, on which those that are killed start again
/// beside those that go on.
/// </summary>
static class Bounds
{
    static readonly TimeSpan busyMachine = TimeSpan.FromSeconds(5);

    /// <summary>From the death of a worker's process to the next step.</summary>
    public static TimeSpan Killed { get; } = TimeSpan.FromSeconds(1) + busyMachine;

    /// <summary>From when a worker hangs, or is cut off, to the next step.</summary>
    public static TimeSpan Silent { get; } = TimeSpan.FromSeconds(3) + busyMachine;

    /// <summary>From the death of the server that decides to the next step that is written down.</summary>
    public static TimeSpan Undecided { get; } = TimeSpan.FromSeconds(3) + busyMachine;

    /// <summary>That a job stood still no longer than that; the figure is in the test's output.</summary>
    public static void Holds(TimeSpan bound, TimeSpan paused)
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"stood still for {paused.TotalSeconds:0.00} s");
        Assert.InRange(paused, TimeSpan.Zero, bound);
    }
}
