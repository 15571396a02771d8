using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Protocol.Order;

/// <summary>
/// Cuts the samples of a step into micro-batches that cost about the same to compute, from the top of the canonical tree down: the samples of a node are laid, the dearest
/// first, on whichever of its two sides costs less with them, each side counted by its micro-batches. So the ranges that deals consist of are even as well, where a single
/// sample is dearer than a whole micro-batch should be. What samples begin with in common is counted once. A function of the samples' numbers and sizes.
/// </summary>
sealed class EvenCut
{
    /// <summary>A micro-batch has at most so many times the mean number of samples: what is kept of each sample is bounded.</summary>
    public const int SamplesMaxFactor = 2;

    /// <summary>So many of a side's samples are asked what another one begins with in common with them: templates show in the first few, and a step may have a million.</summary>
    public const int AskedMax = 32;

    readonly int[] samples;
    readonly int[] ends;
    readonly int samplesMax;
    readonly ISampleSizes sizes;

    EvenCut(int[] samples, int count, int mean, ISampleSizes sizes)
        => (this.samples, ends, samplesMax, this.sizes) = (samples, new int[count], SamplesMaxFactor * mean, sizes);

    /// <summary>Puts the samples in the order of their micro-batches, within one by length, ties by number.</summary>
    /// <param name="samples">in any order; the order of the cut afterwards</param>
    /// <param name="count">micro-batches, at most as many as samples</param>
    /// <param name="mean">samples of a micro-batch, rounded up</param>
    /// <param name="sizes">of the samples</param>
    /// <returns>where each micro-batch ends; each has a sample at least</returns>
    public static int[] Sort(int[] samples, int count, int mean, ISampleSizes sizes)
    {
        Array.Sort(samples, (a, b) => Alone(b).CompareTo(Alone(a)) is var byCost && byCost != 0 ? byCost : a.CompareTo(b));
        var cut = new EvenCut(samples, count, mean, sizes);
        cut.Halve(new TreeNode(0, count), 0, [.. samples]);
        return cut.ends;

        long Alone(int sample) => sizes.Cost.Of(0, sizes.Length(sample), sizes.Supervised(sample));
    }

    // Of the samples that follow, the node's micro-batches are made; they come dearest first.
    void Halve(TreeNode node, int start, List<int> its)
    {
        if (node.Count == 1)
        {
            its.Sort((a, b) => sizes.Length(a).CompareTo(sizes.Length(b)) is var byLength && byLength != 0 ? byLength : a.CompareTo(b));
            its.CopyTo(samples, start);
            ends[node.Lo] = start + its.Count;
            return;
        }
        var (left, right) = (new Side(node.Left, samplesMax), new Side(node.Right, samplesMax));
        for (var i = 0; i < its.Count; i++)
        {
            var rest = its.Count - i - 1;
            var (onLeft, onRight) = (left.With(its[i], sizes), right.With(its[i], sizes));
            var goesLeft = right.IsFull || (!left.IsFull && right.Lacks <= rest
                && (left.Lacks > rest || (Int128)onLeft * right.Node.Count <= (Int128)onRight * left.Node.Count));
            if (goesLeft)
                left.Add(its[i], onLeft);
            else
                right.Add(its[i], onRight);
        }
        Halve(left.Node, start, left.Samples);
        Halve(right.Node, start + left.Samples.Count, right.Samples);
    }

    sealed class Side(TreeNode node, int samplesMax)
    {
        long cost;

        public TreeNode Node { get; } = node;

        public List<int> Samples { get; } = [];

        public bool IsFull => Samples.Count == (long)Node.Count * samplesMax;

        // Samples without which a micro-batch would stay empty.
        public int Lacks => Math.Max(0, Node.Count - Samples.Count);

        public long With(int sample, ISampleSizes sizes)
        {
            var shared = 0;
            for (var i = 0; i < Samples.Count && i < AskedMax; i++)
                shared = Math.Max(shared, sizes.Shared(sample, Samples[i]));
            return cost + sizes.Cost.Of(shared, sizes.Length(sample), sizes.Supervised(sample));
        }

        public void Add(int sample, long with)
        {
            Samples.Add(sample);
            cost = with;
        }
    }
}
