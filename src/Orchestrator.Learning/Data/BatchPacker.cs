namespace Orchestrator.Learning.Data;

/// <summary>Whether what examples begin with in common is computed once.</summary>
public enum PrefixSharing
{
    /// <summary>Every example has its own rows.</summary>
    None,

    /// <summary>The examples of a micro-batch share the rows of their common beginnings. The same mathematics, fewer rows.</summary>
    CommonPrefixes,
}

/// <summary>
/// Packs examples into the rows of a micro-batch: one row per input token, no padding. Left out is what nothing needs: the last token of an
/// example, rows after its last supervised one, examples without any. Not for several threads at once; its memory is used again.
/// </summary>
public sealed class BatchPacker
{
    Part[] memory = [];
    readonly Filling<int> tokens = new();
    readonly Filling<int> positions = new();
    readonly Filling<Segment> segments = new();
    readonly Filling<int> supervisedRows = new();
    readonly Filling<int> labels = new();

    /// <summary>An example's rows.</summary>
    /// <param name="Record">its number</param>
    /// <param name="FirstSupervised">its first supervised row; only rows before it can be shared</param>
    /// <param name="Rows">up to its last supervised row</param>
    readonly record struct Part(int Record, int FirstSupervised, int Rows);

    /// <summary>Packs the records of one micro-batch.</summary>
    /// <param name="dataset">where they are</param>
    /// <param name="records">their numbers; the order decides the order of the rows</param>
    /// <param name="sharing">whether common beginnings are computed once</param>
    /// <returns>it may have no row, where nothing is supervised</returns>
    public MicroBatch Pack(Dataset dataset, ReadOnlySpan<int> records, PrefixSharing sharing) => Pack((IExamples)dataset, records, sharing);

    /// <summary>Packs examples that are in no file.</summary>
    /// <param name="examples">their order decides the order of the rows</param>
    /// <param name="sharing">whether common beginnings are computed once</param>
    /// <returns>it may have no row, where nothing is supervised</returns>
    public MicroBatch Pack(IReadOnlyList<Example> examples, PrefixSharing sharing) =>
        Pack(new ExampleList(examples), [.. Enumerable.Range(0, examples.Count)], sharing);

    sealed class ExampleList(IReadOnlyList<Example> examples) : IExamples
    {
        public ReadOnlySpan<int> Tokens(int record) => examples[record].Tokens;

        public ReadOnlySpan<int> Labels(int record) => examples[record].Labels;
    }

    MicroBatch Pack(IExamples examples, ReadOnlySpan<int> records, PrefixSharing sharing)
    {
        Clear();
        if (memory.Length < records.Length)
            memory = new Part[records.Length];
        var parts = memory;
        var count = 0;
        foreach (var record in records)
        {
            var its = examples.Labels(record);
            var first = its.Length == 0 ? -1 : its[1..].IndexOfAnyExcept(Example.Unsupervised);
            if (first >= 0)
                parts[count++] = new Part(record, first, its[1..].LastIndexOfAnyExcept(Example.Unsupervised) + 1);
        }
        if (sharing == PrefixSharing.CommonPrefixes && count > 0)
        {
            Grow(examples, parts.AsSpan(0, count), start: 0, parent: -1);
        }
        else
        {
            foreach (var part in parts.AsSpan(0, count))
                AddLeaf(examples, part, start: 0, parent: -1);
        }
        return new MicroBatch
        {
            Tokens = tokens.Filled,
            Positions = positions.Filled,
            Segments = segments.Filled,
            SupervisedRows = supervisedRows.Filled,
            Labels = labels.Filled,
            Examples = records.Length,
        };
    }

    /// <summary>Grows the trie of <paramref name="parts"/>, which agree before position <paramref name="start"/>.</summary>
    void Grow(IExamples examples, Span<Part> parts, int start, int parent)
    {
        if (parts.Length == 1)
        {
            AddLeaf(examples, parts[0], start, parent);
            return;
        }
        var end = CommonEnd(examples, parts, start);
        if (end > start)
            parent = AddSegment(examples.Tokens(parts[0].Record)[start..end], start, parent);
        // Next come those that end sharing here, then each group that goes on with the same token, in the order of its first record.
        while (!parts.IsEmpty)
        {
            var group = 1;
            if (parts[0].FirstSupervised > end)
            {
                var next = examples.Tokens(parts[0].Record)[end];
                for (var i = 1; i < parts.Length; i++)
                {
                    if (parts[i].FirstSupervised > end && examples.Tokens(parts[i].Record)[end] == next)
                        MoveTo(parts, group++, i);
                }
            }
            if (group == 1)
                AddLeaf(examples, parts[0], end, parent);
            else
                Grow(examples, parts[..group], end, parent);
            parts = parts[group..];
        }
    }

    /// <summary>Rows that two records of a micro-batch share: of the tokens that both begin with, up to the first row that either of them has supervised.</summary>
    public static int SharedRows(Dataset dataset, int record, int other)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        var shared = dataset.Tokens(record).CommonPrefixLength(dataset.Tokens(other));
        return Math.Min(Unsupervised(dataset.Labels(record)), Unsupervised(dataset.Labels(other)));

        int Unsupervised(ReadOnlySpan<int> labels)
        {
            var reach = Math.Min(shared, labels.Length - 1);
            return labels.Slice(1, reach).IndexOfAnyExcept(Example.Unsupervised) is >= 0 and var first ? first : reach;
        }
    }

    /// <summary>Where the first of the parts differs or has its first supervised row.</summary>
    static int CommonEnd(IExamples examples, ReadOnlySpan<Part> parts, int start)
    {
        var first = examples.Tokens(parts[0].Record);
        var end = parts[0].FirstSupervised;
        foreach (var part in parts[1..])
        {
            end = Math.Min(end, part.FirstSupervised);
            end = start + first[start..end].CommonPrefixLength(examples.Tokens(part.Record)[start..end]);
        }
        return end;
    }

    /// <summary>Moves a part forward and keeps the order of those it passes.</summary>
    static void MoveTo(Span<Part> parts, int to, int from)
    {
        var part = parts[from];
        parts[to..from].CopyTo(parts[(to + 1)..]);
        parts[to] = part;
    }

    void AddLeaf(IExamples examples, Part part, int start, int parent)
    {
        var firstRow = tokens.Count - start;
        AddSegment(examples.Tokens(part.Record)[start..part.Rows], start, parent);
        var its = examples.Labels(part.Record);
        for (var row = part.FirstSupervised; row < part.Rows; row++)
        {
            if (its[row + 1] == Example.Unsupervised)
                continue;
            supervisedRows.Add(firstRow + row);
            labels.Add(its[row + 1]);
        }
    }

    int AddSegment(ReadOnlySpan<int> its, int start, int parent)
    {
        segments.Add(new Segment(tokens.Count, its.Length, parent));
        tokens.AddRange(its);
        for (var i = 0; i < its.Length; i++)
            positions.Add(start + i);
        return segments.Count - 1;
    }

    void Clear()
    {
        tokens.Clear();
        positions.Clear();
        segments.Clear();
        supervisedRows.Clear();
        labels.Clear();
    }
}
