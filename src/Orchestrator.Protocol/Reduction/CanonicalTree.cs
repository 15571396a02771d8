using System.Diagnostics.CodeAnalysis;

namespace Orchestrator.Protocol.Reduction;

/// <summary>
/// Folds the micro-batches of one step into maximal subtrees of the canonical tree, in whatever order they come. Since only siblings are ever
/// added, the earlier to the later, the sum does not depend on who computed what, or when. Nothing is allocated after construction.
/// </summary>
/// <typeparam name="T">what a node holds: a gradient with its loss, or a slice of one</typeparam>
/// <param name="leaves">M, the micro-batches of the step</param>
/// <param name="add">(left, right) -> their sum; may reuse the memory of either</param>
public sealed class CanonicalTree<T>(int leaves, Func<T, T, T> add)
{
    readonly T[] values = new T[Math.Max(leaves, 0)];      // by the first leaf of a finished subtree
    readonly int[] ends = new int[Math.Max(leaves, 0)];    // by the same: the leaf after its last; 0 where no finished subtree begins
    readonly bool[] there = new bool[Math.Max(leaves, 0)]; // by leaf: whether some finished subtree holds it

    /// <summary>M, the number of leaves.</summary>
    public int Leaves { get; } = leaves > 0 ? leaves : throw new ArgumentOutOfRangeException(nameof(leaves), leaves, "a step has a micro-batch");

    /// <summary>The node that everything folds into.</summary>
    public TreeNode Root => new(0, Leaves);

    /// <summary>Whether the whole step is summed.</summary>
    public bool IsComplete => ends[0] == Leaves;

    /// <summary>The maximal subtrees that are finished, by first leaf.</summary>
    public IEnumerable<(TreeNode Node, T Value)> Finished
    {
        get
        {
            for (var lo = 0; lo < Leaves; lo++)
            {
                if (ends[lo] != 0)
                    yield return (new TreeNode(lo, ends[lo]), values[lo]);
            }
        }
    }

    /// <summary>How many maximal subtrees are finished.</summary>
    public int FinishedCount { get; private set; }

    /// <summary>The sum over the whole step.</summary>
    /// <exception cref="InvalidOperationException">not <see cref="IsComplete"/></exception>
    public T Sum => IsComplete ? values[0] : throw new InvalidOperationException($"{FinishedCount} parts of {Root} are there, not the whole");

    /// <summary>Whether micro-batch <paramref name="m"/> is summed here.</summary>
    public bool Holds(int m) => there[m];

    /// <summary>The value of the maximal finished subtree that begins with leaf <paramref name="lo"/>, if one does.</summary>
    public bool TryFind(int lo, [MaybeNullWhen(false)] out T value)
    {
        value = values[lo];
        return ends[lo] != 0;
    }

    /// <summary>Adds a finished subtree and folds it with its siblings as far up as they are there.</summary>
    /// <exception cref="BrokenInvariantException">the node is none of this tree, or some of its leaves are there already</exception>
    public void Add(TreeNode node, T value)
    {
        if (!Contains(node))
            throw new BrokenInvariantException(4, $"{node} is no node of the canonical tree over {Leaves} micro-batches");
        if (there.AsSpan(node.Lo, node.Count).Contains(true))
            throw new BrokenInvariantException(4, $"a micro-batch of {node} was added twice");
        there.AsSpan(node.Lo, node.Count).Fill(true);
        while (node != Root)
        {
            var parent = ParentOf(node);
            var isLeft = parent.Left == node;
            var sibling = isLeft ? parent.Right : parent.Left;
            if (ends[sibling.Lo] != sibling.Hi)
                break;
            value = isLeft ? add(value, values[sibling.Lo]) : add(values[sibling.Lo], value);
            Take(sibling);
            node = parent;
        }
        (values[node.Lo], ends[node.Lo]) = (value, node.Hi);
        FinishedCount++;
    }

    /// <summary>Takes everything out; the tree is empty afterwards.</summary>
    public void Clear()
    {
        Array.Clear(values);
        Array.Clear(ends);
        Array.Clear(there);
        FinishedCount = 0;
    }

    /// <summary>Takes out the finished subtrees that <paramref name="goes"/>; those that stay can be folded on.</summary>
    /// <returns>what was taken out</returns>
    public IReadOnlyList<(TreeNode Node, T Value)> Remove(Func<TreeNode, bool> goes)
    {
        ArgumentNullException.ThrowIfNull(goes);
        List<(TreeNode, T)> gone = [.. Finished.Where(root => goes(root.Node))];
        foreach (var (node, _) in gone)
        {
            Take(node);
            there.AsSpan(node.Lo, node.Count).Clear();
        }
        return gone;
    }

    /// <summary>Whether <paramref name="node"/> is a node of the tree over <see cref="Leaves"/> leaves.</summary>
    public bool Contains(TreeNode node)
    {
        if (node.Lo < 0 || node.Hi > Leaves || node.Count < 1)
            return false;
        var at = Root;
        while (at != node && !at.IsLeaf)
            at = node.Lo < at.Mid ? at.Left : at.Right;
        return at == node;
    }

    void Take(TreeNode finished)
    {
        (values[finished.Lo], ends[finished.Lo]) = (default!, 0);
        FinishedCount--;
    }

    TreeNode ParentOf(TreeNode node)
    {
        var at = Root;
        while (true)
        {
            var child = node.Lo < at.Mid ? at.Left : at.Right;
            if (child == node)
                return at;
            at = child;
        }
    }
}
