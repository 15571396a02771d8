using System.Runtime.InteropServices;
using Orchestrator.Learning.Data;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Llama;

/// <summary>
/// The rows that a forward pass goes over, and what each of them may attend to. A row is one token at one position; logits are computed where they are wanted.
/// </summary>
/// <remarks>Its tensor belongs to the dispose scope that is open when it is made.</remarks>
public class Rows
{
    /// <param name="tokens">token numbers, [rows]</param>
    /// <param name="positions">their positions, [rows]</param>
    /// <param name="segments">the rows' grouping: each row attends to what comes before it in its segment, and to all of the segment's ancestors</param>
    /// <param name="wanted">rows whose logits are wanted, at least one; what only other rows need is not computed</param>
    /// <param name="pasts">of each segment, how many tokens come before it and are in <see cref="Cache"/>; nothing without a cache</param>
    public Rows(ReadOnlySpan<int> tokens, ReadOnlySpan<int> positions, ReadOnlySpan<Segment> segments, ReadOnlySpan<int> wanted, ReadOnlySpan<int> pasts = default)
    {
        foreach (var position in positions)
            PositionsEnd = Math.Max(PositionsEnd, position + 1);
        var runs = CountRuns(segments, wanted);
        Numbers = empty(5 + 2 * tokens.Length + 3 * segments.Length + wanted.Length + 2 * runs + pasts.Length, dtype: ScalarType.Int64);
        var numbers = new Writer(MemoryMarshal.Cast<byte, long>(Numbers.bytes));
        numbers.Add([tokens.Length, segments.Length, wanted.Length, runs, pasts.Length]);
        numbers.Add(tokens);
        numbers.Add(positions);
        foreach (var segment in segments)
            numbers.Add([segment.Start, segment.Length, segment.Parent]);
        numbers.Add(wanted);
        for (var from = 0; from < wanted.Length;)
        {
            var (index, to) = RunFrom(segments, wanted, from);
            numbers.Add([index, to - from]);
            from = to;
        }
        numbers.Add(pasts);
    }

    /// <summary>
    /// How many rows, segments, wanted rows, runs and pasts; tokens; positions; (start, length, parent) of each segment; the wanted rows; (segment, length) of the runs
    /// they fall into where they leave a segment; and the segments' pasts. int64, on the CPU.
    /// </summary>
    internal Tensor Numbers { get; }

    /// <summary>One more than the highest position.</summary>
    public int PositionsEnd { get; }

    /// <summary>Of each layer, the keys and the values of the past, [segments, Hkv, capacity, d], where those of these rows are added; empty without a past.</summary>
    internal Tensor[] Cache { get; init; } = [];

    static int CountRuns(ReadOnlySpan<Segment> segments, ReadOnlySpan<int> wanted)
    {
        var runs = 0;
        for (var from = 0; from < wanted.Length; runs++)
            from = RunFrom(segments, wanted, from).To;
        return runs;
    }

    static (int Segment, int To) RunFrom(ReadOnlySpan<Segment> segments, ReadOnlySpan<int> wanted, int from)
    {
        var index = 0;
        while (!Holds(segments[index], wanted[from]))
            index++;
        var to = from + 1;
        while (to < wanted.Length && Holds(segments[index], wanted[to]))
            to++;
        return (index, to);
    }

    static bool Holds(Segment segment, int row) => segment.Start <= row && row < segment.Start + segment.Length;

    ref struct Writer(Span<long> into)
    {
        Span<long> rest = into;

        public void Add(scoped ReadOnlySpan<int> numbers)
        {
            for (var i = 0; i < numbers.Length; i++)
                rest[i] = numbers[i];
            rest = rest[numbers.Length..];
        }
    }
}
