using Orchestrator.Learning.Data;

namespace Orchestrator.Learning.Kernels;

/// <summary>Queries that see the same keys, the later ones more of them.</summary>
/// <param name="Segment">the segment that they are in</param>
/// <param name="First">the first one's row in the matrix of queries</param>
/// <param name="Count">how many there are</param>
readonly record struct Run(int Segment, int First, int Count);

/// <summary>What the rows of a micro-batch attend to: a segment's context is its ancestors' rows, the beginning first, and its own.</summary>
sealed class Contexts
{
    readonly Filling<int> starts = new(), lengths = new(), parents = new(), before = new();
    readonly Filling<Run> allRuns = new(), supervisedRuns = new();
    readonly Filling<int> allSeen = new(), supervisedSeen = new();

    /// <summary>Rows of the longest context.</summary>
    public int Longest { get; private set; }

    /// <summary>Rows of a segment's context.</summary>
    public int Length(int segment) => before[segment] + lengths[segment];

    /// <summary>The runs of all rows, or of the supervised ones.</summary>
    public ReadOnlySpan<Run> Runs(bool supervised) => (supervised ? supervisedRuns : allRuns).Filled.Span;

    /// <summary>Of each row, or of each supervised one, how many rows of its context it sees.</summary>
    public ReadOnlySpan<int> Seen(bool supervised) => (supervised ? supervisedSeen : allSeen).Filled.Span;

    /// <summary>The segments of a context from its end to its beginning; the first is the segment itself.</summary>
    /// <param name="segment">a segment, then its parent, and so on; -1 when there are no more</param>
    /// <param name="rows">its rows in the micro-batch</param>
    /// <param name="at">where they begin in the context</param>
    public int Step(int segment, out Stretch rows, out int at)
    {
        var start = starts[segment];
        rows = new Stretch(start, start + lengths[segment]);
        at = before[segment];
        return parents[segment];
    }

    /// <summary>Reads a micro-batch, in the same memory as the one before.</summary>
    public void Read(MicroBatch batch)
    {
        foreach (var numbers in (ReadOnlySpan<Filling<int>>)[starts, lengths, parents, before, allSeen, supervisedSeen])
            numbers.Clear();
        allRuns.Clear();
        supervisedRuns.Clear();
        Longest = 0;
        var segments = batch.Segments.Span;
        for (var index = 0; index < segments.Length; index++)
        {
            var (start, length, parent) = segments[index];
            var earlier = parent < 0 ? 0 : Length(parent);
            starts.Add(start);
            lengths.Add(length);
            parents.Add(parent);
            before.Add(earlier);
            allRuns.Add(new Run(index, start, length));
            for (var row = 0; row < length; row++)
                allSeen.Add(earlier + row + 1);
            Longest = Math.Max(Longest, earlier + length);
        }
        var rows = batch.SupervisedRows.Span;
        for (var from = 0; from < rows.Length;)
        {
            var segment = 0;
            while (!Holds(segments[segment], rows[from]))
                segment++;
            var to = from;
            for (; to < rows.Length && Holds(segments[segment], rows[to]); to++)
                supervisedSeen.Add(before[segment] + rows[to] - segments[segment].Start + 1);
            supervisedRuns.Add(new Run(segment, from, to - from));
            from = to;
        }
    }

    static bool Holds(Segment segment, int row) => segment.Start <= row && row < segment.Start + segment.Length;
}
