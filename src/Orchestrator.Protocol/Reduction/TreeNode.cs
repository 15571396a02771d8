using System.Numerics;

namespace Orchestrator.Protocol.Reduction;

/// <summary>
/// A node of the canonical tree over micro-batches 0 to M - 1: the sum of the leaves <paramref name="Lo"/> to <paramref name="Hi"/> - 1.
/// <c>sum(lo, hi) = sum(lo, mid) + sum(mid, hi)</c>, <c>mid = lo + the largest power of two below hi - lo</c>.
/// </summary>
/// <param name="Lo">first leaf</param>
/// <param name="Hi">leaf after the last</param>
public readonly record struct TreeNode(int Lo, int Hi)
{
    /// <summary>The leaf of micro-batch <paramref name="m"/>.</summary>
    public static TreeNode Leaf(int m) => new(m, m + 1);

    /// <summary>Number of leaves below.</summary>
    public int Count => Hi - Lo;

    /// <summary>Whether this is one micro-batch.</summary>
    public bool IsLeaf => Count == 1;

    /// <summary>Where the two children meet. Only a node of two leaves or more has one.</summary>
    public int Mid => Lo + (1 << (31 - BitOperations.LeadingZeroCount((uint)(Count - 1))));

    /// <summary>The earlier child, the first operand of the sum.</summary>
    public TreeNode Left => new(Lo, Mid);

    /// <summary>The later child.</summary>
    public TreeNode Right => new(Mid, Hi);

    /// <summary>The maximal nodes of the tree that together are exactly the leaves <paramref name="lo"/> to <paramref name="hi"/> - 1.</summary>
    public static IReadOnlyList<TreeNode> Cover(int leaves, int lo, int hi)
    {
        var nodes = new List<TreeNode>();
        Descend(new TreeNode(0, leaves));
        return nodes;

        void Descend(TreeNode node)
        {
            if (node.Hi <= lo || node.Lo >= hi)
                return;
            if (lo <= node.Lo && node.Hi <= hi)
            {
                nodes.Add(node);
                return;
            }
            Descend(node.Left);
            Descend(node.Right);
        }
    }

    /// <summary>The number of nodes in <see cref="Cover"/>: vectors on the wire for a range of micro-batches.</summary>
    public static int CoverCount(int leaves, int lo, int hi)
    {
        return lo < hi ? Descend(new TreeNode(0, leaves)) : 0;

        int Descend(TreeNode node)
            => node.Hi <= lo || node.Lo >= hi ? 0
                : lo <= node.Lo && node.Hi <= hi ? 1
                : Descend(node.Left) + Descend(node.Right);
    }

    /// <inheritdoc/>
    public override string ToString() => $"[{Lo},{Hi})";
}
