using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Collectives;

/// <summary>A finished subtree: the sums over its micro-batches. Mutable, so that whoever folds can reuse one side of a sum for the result.</summary>
public sealed class PartialSum
{
    /// <summary>Which micro-batches are summed.</summary>
    public required TreeNode Node { get; set; }

    /// <summary>Their gradients' sum; rented memory is welcome: what lies beyond the job's parameters is not looked at.</summary>
    public required float[] Gradient { get; init; }

    /// <summary>Their losses' sum.</summary>
    public required double LossSum { get; set; }

    /// <summary>Their supervised tokens.</summary>
    public required long Tokens { get; set; }
}
