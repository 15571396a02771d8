using System.Collections.Concurrent;
using System.Globalization;
using Orchestrator.Collectives;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine;

/// <summary>
/// Faults of accelerators, made on purpose. They outlive the threads of the workers that they are for. A process can be started with one: <c>ORCHESTRATOR_DRILL_MISCOMPUTE=SLOT:N</c> has a slot
/// compute every n-th micro-batch wrong, <c>ORCHESTRATOR_DRILL_DELAY=SLOT:MILLISECONDS</c> slows it down, in every job.
/// </summary>
sealed class Drill
{
    readonly (int Slot, int Every)? miscomputes = Setting("ORCHESTRATOR_DRILL_MISCOMPUTE");
    readonly (int Slot, int Milliseconds)? delays = Setting("ORCHESTRATOR_DRILL_DELAY");
    int computed;

    readonly ConcurrentDictionary<(string Job, WorkerId Worker), Func<Step, int, bool>> wrong = new();
    readonly ConcurrentDictionary<(string Job, WorkerId Worker), Action<Step, int>> before = new();

    /// <summary>A worker computes the micro-batches that <paramref name="which"/> chooses wrong, by one bit of the gradient.</summary>
    public void Miscompute(string job, WorkerId worker, Func<Step, int, bool> which) => wrong[(job, worker)] = which;

    /// <summary>A worker does something with every micro-batch before it is finished: to be slow, or to hang.</summary>
    public void Delay(string job, WorkerId worker, Action<Step, int> how) => before[(job, worker)] = how;

    /// <summary>A worker has computed a micro-batch.</summary>
    public void Strike(string job, WorkerId worker, Step step, PartialSum leaf)
    {
        var m = leaf.Node.Lo;
        if (delays is { } delay && delay.Slot == worker.Slot)
            Thread.Sleep(delay.Milliseconds);
        if (before.TryGetValue((job, worker), out var how))
            how(step, m);
        var isDue = miscomputes is { } wrongly && wrongly.Slot == worker.Slot && Interlocked.Increment(ref computed) % wrongly.Every == 0;
        if (isDue || (wrong.TryGetValue((job, worker), out var which) && which(step, m)))
            leaf.Gradient[0] = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(leaf.Gradient[0]) ^ 1);
    }

    static (int Slot, int Value)? Setting(string name)
        => Environment.GetEnvironmentVariable(name)?.Split(':') is [var slot, var value] && int.TryParse(slot, CultureInfo.InvariantCulture, out var which)
            && int.TryParse(value, CultureInfo.InvariantCulture, out var how) && how > 0 ? (which, how) : null;
}
