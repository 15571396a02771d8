using CsCheck;
using Orchestrator.Learning.Data;

namespace Orchestrator.Learning.Tests.Data;

public class BatchPackerTests
{
    /// <summary>Few different tokens, so that beginnings are shared in all ways; any labels.</summary>
    static readonly Gen<(int[] Tokens, int[] Labels)[]> Examples = Gen.Select(
        Gen.Int[0, 2].Array[1, 12],
        Gen.Bool.Array[12],
        (tokens, supervised) => (tokens, tokens.Select((token, t) => supervised[t] ? token : -100).ToArray())).Array[1, 12];

    [Fact]
    public void Every_example_can_be_read_back_from_its_segments() => Examples.Sample(examples =>
    {
        using var folder = new Folder();
        if (Open(folder, examples) is not { } dataset)
            return;
        using var _ = dataset;
        foreach (var sharing in Enum.GetValues<PrefixSharing>())
        {
            var batch = new BatchPacker().Pack(dataset, [.. Enumerable.Range(0, dataset.Count)], sharing);
            Assert.Equal(examples.Length, batch.Examples);
            Assert.Equal(examples.Select(Needed).Where(one => one.Length > 0).Order(), Unpack(batch).Order());
        }
    }, iter: 200);

    [Fact]
    public void Rows_are_grouped_parents_first_and_positions_go_on() => Examples.Sample(examples =>
    {
        using var folder = new Folder();
        if (Open(folder, examples) is not { } dataset)
            return;
        using var _ = dataset;
        foreach (var sharing in Enum.GetValues<PrefixSharing>())
        {
            var batch = new BatchPacker().Pack(dataset, [.. Enumerable.Range(0, dataset.Count)], sharing);
            var next = 0;
            foreach (var (i, segment) in batch.Segments.ToArray().Index())
            {
                Assert.Equal(next, segment.Start);
                Assert.InRange(segment.Length, 1, batch.Rows);
                Assert.InRange(segment.Parent, -1, i - 1);
                var first = segment.Parent < 0 ? 0 : batch.Positions.ToArray()[batch.Segments.ToArray()[segment.Parent].Start] + batch.Segments.ToArray()[segment.Parent].Length;
                Assert.Equal(Enumerable.Range(first, segment.Length), batch.Positions.ToArray().AsSpan(segment.Start, segment.Length).ToArray());
                next += segment.Length;
            }
            Assert.Equal(next, batch.Rows);
            Assert.Equal(batch.Supervised, batch.Labels.Length);
            Assert.Equal(batch.SupervisedRows.ToArray(), batch.SupervisedRows.ToArray().Order().Distinct());
        }
    }, iter: 200);

    [Fact]
    public void What_two_records_share_is_what_packing_them_together_saves() => Examples.Sample(examples =>
    {
        using var folder = new Folder();
        if (examples.Length < 2 || Open(folder, examples[..2]) is not { } dataset)
            return;
        using var _ = dataset;
        if (dataset.Supervised(0) == 0 || dataset.Supervised(1) == 0)
            return;
        int Rows(PrefixSharing sharing) => new BatchPacker().Pack(dataset, [0, 1], sharing).Rows;
        Assert.Equal(Rows(PrefixSharing.None) - Rows(PrefixSharing.CommonPrefixes), BatchPacker.SharedRows(dataset, 0, 1));
        Assert.Equal(BatchPacker.SharedRows(dataset, 0, 1), BatchPacker.SharedRows(dataset, 1, 0));
    }, iter: 200);

    [Fact]
    public void Sharing_never_has_more_rows_and_the_same_supervised_ones() => Examples.Sample(examples =>
    {
        using var folder = new Folder();
        if (Open(folder, examples) is not { } dataset)
            return;
        using var _ = dataset;
        int[] all = [.. Enumerable.Range(0, dataset.Count)];
        var (apart, shared) = (new BatchPacker().Pack(dataset, all, PrefixSharing.None), new BatchPacker().Pack(dataset, all, PrefixSharing.CommonPrefixes));
        Assert.True(shared.Rows <= apart.Rows);
        Assert.Equal(apart.Supervised, shared.Supervised);
        Assert.Equal(Enumerable.Range(0, dataset.Count).Sum(dataset.Supervised), shared.Supervised);
        Assert.Equal(SharedPrefixes(examples), apart.Rows - shared.Rows);
    }, iter: 200);

    [Fact]
    public void Examples_in_no_file_are_packed_alike() => Examples.Sample(examples =>
    {
        using var folder = new Folder();
        if (Open(folder, examples) is not { } dataset)
            return;
        using var _ = dataset;
        var filed = new BatchPacker().Pack(dataset, [.. Enumerable.Range(0, dataset.Count)], PrefixSharing.CommonPrefixes);
        var loose = new BatchPacker().Pack([.. examples.Select(one => new Example(one.Tokens, one.Labels))], PrefixSharing.CommonPrefixes);
        Assert.Equal(filed.Tokens, loose.Tokens);
        Assert.Equal(filed.Segments, loose.Segments);
        Assert.Equal(filed.Labels, loose.Labels);
    }, iter: 50);

    [Fact]
    public void The_preamble_of_Alpaca_is_computed_once()
    {
        using var folder = new Folder();
        using var dataset = folder.Open(new DataSource { Path = SharedFiles.Alpaca, Tokenizer = SharedFiles.Llama });
        int[] records = [.. Enumerable.Range(0, dataset.Count).Where(record => dataset.Record(record)!.Input.Length == 0).Take(4)];
        var batch = new BatchPacker().Pack(dataset, records, PrefixSharing.CommonPrefixes);
        Assert.InRange(batch.Segments.ToArray()[0].Length, 28, 32); // 29 tokens, and what instructions have in common
        Assert.Equal(-1, batch.Segments.ToArray()[0].Parent);
    }

    [Fact]
    public void Examples_without_a_supervised_token_have_no_row()
    {
        using var folder = new Folder();
        using var dataset = folder.Dataset([([1, 2, 3], [-100, -100, -100]), ([1, 2, 3], [-100, -100, 3]), ([5], [5])]);
        var batch = new BatchPacker().Pack(dataset, [0, 2], PrefixSharing.CommonPrefixes);
        Assert.Equal((0, 0, 0, 2), (batch.Rows, batch.Segments.Length, batch.Supervised, batch.Examples));
        Assert.Equal(2, new BatchPacker().Pack(dataset, [0, 1, 2], PrefixSharing.None).Rows);
    }

    static Dataset? Open(Folder folder, (int[] Tokens, int[] Labels)[] examples) =>
        examples.Any(example => Needed(example).Length > 0) ? folder.Dataset(examples) : null;

    /// <summary>What a model must see of an example: its rows, and the label after each supervised one.</summary>
    static string Needed((int[] Tokens, int[] Labels) example)
    {
        var last = example.Labels.Length - 1;
        while (last > 0 && example.Labels[last] < 0)
            last--;
        return string.Join(' ', Enumerable.Range(0, last).Select(row =>
            $"{row}:{example.Tokens[row]}{(example.Labels[row + 1] < 0 ? "" : $">{example.Labels[row + 1]}")}"));
    }

    static IEnumerable<string> Unpack(MicroBatch batch)
    {
        var labels = batch.SupervisedRows.ToArray().Zip(batch.Labels.ToArray()).ToDictionary(one => one.First, one => one.Second);
        foreach (var leaf in Enumerable.Range(0, batch.Segments.Length).Where(i => batch.Segments.ToArray().All(segment => segment.Parent != i)))
        {
            var chain = new List<Segment>();
            for (var at = leaf; at >= 0; at = batch.Segments.ToArray()[at].Parent)
                chain.Insert(0, batch.Segments.ToArray()[at]);
            yield return string.Join(' ', chain.SelectMany(segment => Enumerable.Range(segment.Start, segment.Length)).Select(row =>
                $"{batch.Positions.ToArray()[row]}:{batch.Tokens.ToArray()[row]}{(labels.TryGetValue(row, out var label) ? $">{label}" : "")}"));
        }
    }

    /// <summary>Rows that can be saved: each distinct beginning before the first supervised row is needed once.</summary>
    static int SharedPrefixes((int[] Tokens, int[] Labels)[] examples)
    {
        var seen = new HashSet<string>();
        var saved = 0;
        foreach (var (tokens, labels) in examples)
        {
            var first = Array.FindIndex(labels, 1, label => label >= 0) - 1;
            for (var row = 0; row < first; row++)
                saved += seen.Add(string.Join(' ', tokens.Take(row + 1))) ? 0 : 1;
        }
        return saved;
    }
}
