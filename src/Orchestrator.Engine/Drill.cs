using System.Collections.Concurrent;
using Orchestrator.Collectives;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine;

/// <summary>Faults of accelerators, made on purpose. They outlive the threads of the workers that they are for.</summary>
sealed class Drill
{
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
        if (before.TryGetValue((job, worker), out var how))
            how(step, m);
        if (wrong.TryGetValue((job, worker), out var which) && which(step, m))
            leaf.Gradient[0] = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(leaf.Gradient[0]) ^ 1);
    }
}
