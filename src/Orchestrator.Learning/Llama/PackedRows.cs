using Orchestrator.Learning.Data;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Llama;

/// <summary>
/// The rows of a micro-batch: each segment attends to itself, causally, and to all of its ancestors; nothing is attended across. Logits are wanted where a label is.
/// </summary>
/// <remarks>Its tensors belong to the dispose scope that is open when it is made.</remarks>
public sealed class PackedRows : IRows
{
    readonly long[] segmentLengths;
    readonly Block[] all;
    readonly Block[] wanted;
    readonly long[] wantedLengths;

    /// <param name="batch">the packed examples</param>
    /// <param name="weights">the base, for its device and wide type</param>
    public PackedRows(MicroBatch batch, LlamaWeights weights)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(weights);
        var (type, device) = (weights.WideType, weights.Device);
        Tokens = tensor(batch.Tokens, device: device);
        Positions = tensor(batch.Positions, device: device);
        Wanted = tensor(batch.SupervisedRows, device: device);
        foreach (var position in batch.Positions)
            PositionsEnd = Math.Max(PositionsEnd, position + 1);
        segmentLengths = [.. batch.Segments.Select(segment => (long)segment.Length)];
        all = [.. batch.Segments.Select((segment, index) => new Block(index, Chain(batch, index), MaskOf(batch, index, rows: null, type, device)))];
        wanted = [.. RunsOf(batch).Select(run => new Block(run.Segment, Chain(batch, run.Segment), MaskOf(batch, run.Segment, run.Rows, type, device)))];
        wantedLengths = [.. RunsOf(batch).Select(run => (long)run.Rows.Count)];
    }

    /// <inheritdoc/>
    public Tensor Tokens { get; }

    /// <inheritdoc/>
    public Tensor Positions { get; }

    /// <inheritdoc/>
    public int PositionsEnd { get; }

    /// <inheritdoc/>
    public Tensor Wanted { get; }

    /// <inheritdoc/>
    public Tensor Attend(int layer, Tensor q, Tensor k, Tensor v, bool wantedOnly)
    {
        using var scope = NewDisposeScope();
        var blocks = wantedOnly ? wanted : all;
        var queries = q.split(wantedOnly ? wantedLengths : segmentLengths, 1);  // one split, so that its backward is one concatenation
        var keys = k.split(segmentLengths, 1);
        var values = v.split(segmentLengths, 1);
        var outputs = new Tensor[blocks.Length];
        for (var b = 0; b < blocks.Length; b++)
            outputs[b] = Attention.Of(queries[b], Joined(keys, blocks[b].Chain), Joined(values, blocks[b].Chain), blocks[b].Mask);
        return (outputs.Length == 1 ? outputs[0] : cat(outputs, 1)).MoveToOuterDisposeScope();
    }

    static Tensor Joined(Tensor[] pieces, int[] chain) => chain.Length == 1 ? pieces[chain[0]] : cat([.. chain.Select(segment => pieces[segment])], 1);

    // A segment and its ancestors, the beginning first.
    static int[] Chain(MicroBatch batch, int segment)
    {
        var chain = new List<int>();
        for (var at = segment; at >= 0; at = batch.Segments[at].Parent)
            chain.Add(at);
        chain.Reverse();
        return [.. chain];
    }

    // Row r of a segment sees its ancestors and the segment's rows up to itself.
    static Tensor MaskOf(MicroBatch batch, int index, IReadOnlyList<int>? rows, ScalarType type, Device device)
    {
        var segment = batch.Segments[index];
        using var scope = NewDisposeScope();
        var before = Chain(batch, index).Sum(at => batch.Segments[at].Length) - segment.Length;
        var own = rows is null
            ? arange(before, before + segment.Length, device: device)
            : tensor([.. rows.Select(row => (long)before + row - segment.Start)], device: device);
        return Attention.MaskOf(own, before + segment.Length, type).MoveToOuterDisposeScope();
    }

    // The supervised rows, cut where they leave a segment.
    static IEnumerable<(int Segment, IReadOnlyList<int> Rows)> RunsOf(MicroBatch batch)
    {
        for (var from = 0; from < batch.Supervised;)
        {
            var index = Array.FindIndex(batch.Segments, segment => Holds(segment, batch.SupervisedRows[from]));
            var to = from + 1;
            while (to < batch.Supervised && Holds(batch.Segments[index], batch.SupervisedRows[to]))
                to++;
            yield return (index, batch.SupervisedRows[from..to]);
            from = to;
        }

        static bool Holds(Segment segment, int row) => segment.Start <= row && row < segment.Start + segment.Length;
    }

    sealed record Block(int Segment, int[] Chain, Tensor Mask);
}
