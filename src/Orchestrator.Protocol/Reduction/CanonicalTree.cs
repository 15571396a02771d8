namespace Orchestrator.Protocol.Reduction;

/// <summary>
/// Folds the micro-batches of one step into maximal subtrees of the canonical tree, in whatever order they come. Since only siblings are ever
/// added, the earlier to the later, the sum does not depend on who computed what, or when.
/// </summary>
/// <typeparam name="T">what a node holds: a gradient with its loss, or a slice of one</typeparam>
/// <param name="leaves">M, the micro-batches of the step</param>
/// <param name="add">(left, right) -> their sum; may reuse the memory of either</param>
public sealed class CanonicalTree<T>(int leaves, Func<T, T, T> add)
{
    readonly SortedDictionary<int, (TreeNode Node, T Value)> roots = [];

    /// <summary>M, the number of leaves.</summary>
    public int Leaves { get; } = leaves > 0 ? leaves : throw new ArgumentOutOfRangeException(nameof(leaves), leaves, "a step has a micro-batch");

    /// <summary>The node that everything folds into.</summary>
    public TreeNode Root => new(0, Leaves);

    /// <summary>Whether the whole step is summed.</summary>
    public bool IsComplete => roots.Count == 1 && roots.TryGetValue(0, out var only) && only.Node == Root;

    /// <summary>The maximal subtrees that are finished, by first leaf.</summary>
    public IEnumerable<(TreeNode Node, T Value)> Finished => roots.Values;

    /// <summary>How many maximal subtrees are finished.</summary>
    public int FinishedCount => roots.Count;

    /// <summary>The sum over the whole step.</summary>
    /// <exception cref="InvalidOperationException">not <see cref="IsComplete"/></exception>
    public T Sum => IsComplete ? roots[0].Value : throw new InvalidOperationException($"{roots.Count} parts of {Root} are there, not the whole");

    /// <summary>Adds a finished subtree and folds it with its siblings as far up as they are there.</summary>
    /// <exception cref="BrokenInvariantException">the node is none of this tree, or some of its leaves are there already</exception>
    public void Add(TreeNode node, T value)
    {
        if (!Contains(node))
            throw new BrokenInvariantException(4, $"{node} is no node of the canonical tree over {Leaves} micro-batches");
        if (Overlaps(node))
            throw new BrokenInvariantException(4, $"a micro-batch of {node} was added twice");
        while (node != Root)
        {
            var parent = ParentOf(node);
            var isLeft = parent.Left == node;
            var sibling = isLeft ? parent.Right : parent.Left;
            if (!roots.TryGetValue(sibling.Lo, out var other) || other.Node != sibling)
                break;
            roots.Remove(sibling.Lo);
            value = isLeft ? add(value, other.Value) : add(other.Value, value);
            node = parent;
        }
        roots.Add(node.Lo, (node, value));
    }

    /// <summary>Takes everything out; the tree is empty afterwards.</summary>
    public void Clear() => roots.Clear();

    /// <summary>Takes out the finished subtrees that <paramref name="goes"/>; those that stay can be folded on.</summary>
    /// <returns>what was taken out</returns>
    public IReadOnlyList<(TreeNode Node, T Value)> Remove(Func<TreeNode, bool> goes)
    {
        var gone = roots.Values.Where(root => goes(root.Node)).ToList();
        foreach (var (node, _) in gone)
            roots.Remove(node.Lo);
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

    bool Overlaps(TreeNode node) => roots.Values.Any(root => root.Node.Lo < node.Hi && node.Lo < root.Node.Hi);

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
