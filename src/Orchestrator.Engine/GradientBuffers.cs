using System.Collections.Concurrent;
using Orchestrator.Collectives;
using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Engine;

/// <summary>The vectors that a job's gradients lie in: made once, then handed round. As many come to be as are in use at once.</summary>
/// <param name="length">elements of a vector</param>
sealed class GradientBuffers(int length)
{
    readonly ConcurrentBag<PartialSum> free = [];

    /// <summary>A vector whose content is anything, for the micro-batch <paramref name="m"/>.</summary>
    public PartialSum Rent(int m)
    {
        if (!free.TryTake(out var sum))
            return new PartialSum { Node = TreeNode.Leaf(m), Gradient = GC.AllocateUninitializedArray<float>(length, pinned: true), LossSum = 0, Tokens = 0 };
        (sum.Node, sum.LossSum, sum.Tokens) = (TreeNode.Leaf(m), 0, 0);
        return sum;
    }

    /// <summary>Gives a vector back; its renter does not use it any more.</summary>
    public void Return(PartialSum sum) => free.Add(sum);
}
