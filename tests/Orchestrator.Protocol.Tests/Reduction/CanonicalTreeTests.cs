using CsCheck;
using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Protocol.Tests.Reduction;

public class CanonicalTreeTests
{
    [Fact]
    public void The_sum_has_the_same_bits_in_any_order_of_adding()
    {
        var cases = from leaves in Gen.Int[1, 64]
                    from values in Gen.Float[-1e6f, 1e6f].Array[leaves]
                    from order in Gen.Shuffle(Enumerable.Range(0, leaves).ToArray())
                    select (values, order);
        cases.Sample((values, order) =>
        {
            var tree = new CanonicalTree<float>(values.Length, static (left, right) => left + right);
            foreach (var m in order)
            {
                Assert.False(tree.IsComplete);
                tree.Add(TreeNode.Leaf(m), values[m]);
                Assert.True(tree.Holds(m));
            }
            Assert.True(tree.IsComplete);
            Assert.Equal(BitConverter.SingleToUInt32Bits(ByDefinition(values, 0, values.Length)), BitConverter.SingleToUInt32Bits(tree.Sum));
        });
    }

    [Fact]
    public void The_sum_has_the_same_bits_for_any_deal_over_processes()
    {
        var cases = from leaves in Gen.Int[1, 64]
                    from processes in Gen.Int[1, 8]
                    from values in Gen.Float[-1e6f, 1e6f].Array[leaves]
                    from owners in Gen.Int[0, processes - 1].Array[leaves]
                    from order in Gen.Shuffle(Enumerable.Range(0, processes).ToArray())
                    select (values, owners, order);
        cases.Sample((values, owners, order) =>
        {
            var whole = new CanonicalTree<float>(values.Length, static (left, right) => left + right);
            foreach (var process in order)
            {
                var part = new CanonicalTree<float>(values.Length, static (left, right) => left + right);
                for (var m = values.Length - 1; m >= 0; m--)
                {
                    if (owners[m] == process)
                        part.Add(TreeNode.Leaf(m), values[m]);
                }
                foreach (var (node, value) in part.Finished)
                    whole.Add(node, value);
            }
            Assert.Equal(BitConverter.SingleToUInt32Bits(ByDefinition(values, 0, values.Length)), BitConverter.SingleToUInt32Bits(whole.Sum));
        });
    }

    [Fact]
    public void A_range_that_is_finished_folds_into_its_cover()
        => Ranges.Sample((leaves, lo, hi) =>
        {
            var tree = new CanonicalTree<int>(leaves, static (left, right) => left + right);
            for (var m = lo; m < hi; m++)
                tree.Add(TreeNode.Leaf(m), 1);
            Assert.Equal(TreeNode.Cover(leaves, lo, hi), tree.Finished.Select(root => root.Node));
            Assert.All(tree.Finished, root => Assert.Equal(root.Node.Count, root.Value));
            Assert.Equal(tree.Finished.Count(), tree.FinishedCount);
        });

    [Fact]
    public void A_cover_is_exact_and_minimal()
        => Ranges.Sample((leaves, lo, hi) =>
        {
            var cover = TreeNode.Cover(leaves, lo, hi);
            Assert.Equal(Enumerable.Range(lo, hi - lo), cover.SelectMany(node => Enumerable.Range(node.Lo, node.Count)));
            Assert.Equal(cover.Count, TreeNode.CoverCount(leaves, lo, hi));
            // Minimal: the parent of each of its nodes has a leaf outside the range.
            var tree = new CanonicalTree<int>(leaves, static (left, _) => left);
            foreach (var node in cover)
            {
                Assert.True(tree.Contains(node));
                var parent = tree.Root;
                while (parent != node && parent.Left != node && parent.Right != node)
                    parent = node.Lo < parent.Mid ? parent.Left : parent.Right;
                Assert.True(parent == node || parent.Lo < lo || parent.Hi > hi);
            }
        });

    [Fact]
    public void A_leaf_that_is_there_already_is_refused_whether_alone_or_folded()
        => Ranges.Where((_, lo, hi) => hi > lo).Sample((leaves, lo, hi) =>
        {
            var tree = new CanonicalTree<int>(leaves, static (left, right) => left + right);
            foreach (var node in TreeNode.Cover(leaves, lo, hi))
                tree.Add(node, 0);
            for (var m = lo; m < hi; m++)
                Assert.Equal(4, Assert.Throws<BrokenInvariantException>(() => tree.Add(TreeNode.Leaf(m), 0)).Number);
        });

    [Fact]
    public void A_node_of_another_tree_is_refused()
    {
        var tree = new CanonicalTree<int>(6, static (left, right) => left + right);
        Assert.True(tree.Contains(new TreeNode(0, 4)));
        Assert.True(tree.Contains(new TreeNode(4, 6)));
        foreach (var stranger in (TreeNode[])[new(1, 3), new(0, 5), new(4, 7), new(-1, 1), new(2, 2), new(3, 1), new(0, 8)])
            Assert.Throws<BrokenInvariantException>(() => tree.Add(stranger, 0));
        Assert.Equal(0, tree.FinishedCount);
    }

    [Fact]
    public void What_is_taken_out_can_be_added_again()
    {
        var tree = new CanonicalTree<string>(8, static (left, right) => $"({left}{right})");
        foreach (var m in (int[])[0, 1, 2, 3, 5, 6, 7])
            tree.Add(TreeNode.Leaf(m), $"{m}");
        var gone = tree.Remove(node => node.Lo < 4);
        Assert.Equal([(new TreeNode(0, 4), "((01)(23))")], gone);
        Assert.False(tree.Holds(2));
        Assert.True(tree.Holds(5));
        tree.Add(TreeNode.Leaf(4), "4");
        tree.Add(new TreeNode(0, 4), "x");
        Assert.Equal("(x((45)(67)))", tree.Sum);
        tree.Clear();
        Assert.Empty(tree.Finished);
        Assert.Throws<InvalidOperationException>(() => tree.Sum);
    }

    [Fact]
    public void Adding_allocates_nothing()
    {
        var tree = new CanonicalTree<float>(64, static (left, right) => left + right);
        Run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Run()
        {
            tree.Clear();
            for (var m = 63; m >= 0; m--)
                tree.Add(TreeNode.Leaf(m * 37 % 64), m);
            if (!tree.IsComplete)
                throw new InvalidOperationException();
        }
    }

    static readonly Gen<(int Leaves, int Lo, int Hi)> Ranges =
        from leaves in Gen.Int[1, 200]
        from lo in Gen.Int[0, leaves]
        from hi in Gen.Int[lo, leaves]
        select (leaves, lo, hi);

    static float ByDefinition(float[] values, int lo, int hi)
    {
        if (hi - lo == 1)
            return values[lo];
        var half = 1;
        while (half * 2 < hi - lo)
            half *= 2;
        return ByDefinition(values, lo, lo + half) + ByDefinition(values, lo + half, hi);
    }
}
