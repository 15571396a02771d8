using System.Text.Json;
using CsCheck;
using Orchestrator.Learning.Data;

namespace Orchestrator.Learning.Tests.Data;

public class DatasetTests
{
    static DataSource Alpaca => new() { Path = SharedFiles.Alpaca, Tokenizer = SharedFiles.Llama };

    [Fact]
    public void The_first_rows_of_Alpaca_have_the_lengths_that_were_measured()
    {
        using var folder = new Folder();
        using var dataset = folder.Open(Alpaca);
        var lengths = Enumerable.Range(0, dataset.Count).Select(dataset.Length).Order().ToArray();
        Assert.Equal(1805, dataset.Count);
        Assert.InRange(lengths.Average(), 120, 135); // 127.5 over all 52,002
        Assert.InRange(lengths[lengths.Length / 2], 100, 110); // 105
        Assert.InRange((double)dataset.SupervisedCount / dataset.TokenCount, 0.49, 0.55); // 0.518
    }

    [Fact]
    public void An_example_is_BOS_prompt_answer_EOS_and_the_prompt_is_not_supervised()
    {
        using var folder = new Folder();
        using var dataset = folder.Open(Alpaca);
        using var json = JsonDocument.Parse(File.ReadAllBytes(SharedFiles.Alpaca));
        foreach (var (record, texts) in json.RootElement.EnumerateArray().Index().Where(one => one.Index % 100 == 3))
        {
            var (instruction, input, output) = (Text("instruction"), Text("input"), Text("output"));
            var prompt = SharedFiles.Llama.Encode(PromptTemplate.Alpaca.Prompt(instruction, input), bos: true);
            var whole = SharedFiles.Llama.Encode(PromptTemplate.Alpaca.Prompt(instruction, input) + output, bos: true, eos: true);
            Assert.Equal(whole, dataset.Tokens(record));
            Assert.Equal(whole.Select((token, t) => t < prompt.Length ? -100 : token), dataset.Labels(record).ToArray());
            Assert.Equal(whole.Length - prompt.Length, dataset.Supervised(record));
            Assert.Equal(new AlpacaRecord(instruction, input, output), dataset.Record(record));

            string Text(string field) => texts.GetProperty(field).GetString()!;
        }
    }

    [Fact]
    public void A_long_answer_is_cut_and_one_that_was_cut_off_whole_stays_in_its_place()
    {
        using var folder = new Folder();
        using var whole = folder.Open(Alpaca);
        using var cut = folder.Open(Alpaca with { MaxSequenceLength = 50 });
        Assert.Equal(whole.Count, cut.Count);
        Assert.Contains(Enumerable.Range(0, cut.Count), record => cut.Supervised(record) == 0);
        for (var record = 0; record < cut.Count; record++)
            Assert.Equal(whole.Tokens(record)[..Math.Min(50, whole.Length(record))], cut.Tokens(record));
    }

    [Fact]
    public void The_second_time_it_comes_from_the_cache_and_is_the_same()
    {
        using var folder = new Folder();
        using var first = folder.Open(Alpaca);
        using var second = folder.Open(Alpaca);
        Assert.Equal((false, true), (first.FromCache, second.FromCache));
        Assert.Equal(first.Digest, second.Digest);
        Assert.Equal(first.SupervisedCount, second.SupervisedCount);
        for (var record = 0; record < first.Count; record++)
        {
            Assert.True(first.Tokens(record).SequenceEqual(second.Tokens(record)));
            Assert.True(first.Labels(record).SequenceEqual(second.Labels(record)));
        }
        Assert.Single(Directory.GetFiles(folder.Cache));
    }

    [Fact]
    public void Many_threads_make_the_same_bytes_as_one()
    {
        using var folder = new Folder();
        using var one = folder.Open(Alpaca);
        using var many = folder.Open(Alpaca, (count, body) => Parallel.For(0, count, body), cache: folder.Cache + "2");
        Assert.Equal(File.ReadAllBytes(Directory.GetFiles(folder.Cache).Single()), File.ReadAllBytes(Directory.GetFiles(folder.Cache + "2").Single()));
    }

    [Fact]
    public void Whatever_the_examples_depend_on_is_in_the_caches_key()
    {
        using var folder = new Folder();
        var text = """[{"instruction": "Give three tips", "input": "", "output": "One."}]""";
        var path = folder.Write("alpaca.json", text);
        var source = Alpaca with { Path = path };
        foreach (var (other, shouldHit) in new[]
        {
            (source, false),
            (source, true),
            (source with { MaxSequenceLength = 511 }, false),
            (source with { Tokenizer = SharedFiles.Stories }, false),
            (source with { Template = new PromptTemplate("alpaca", (instruction, input) => instruction + input) }, false),
            (source, true),
        })
        {
            using var dataset = folder.Open(other);
            Assert.Equal(shouldHit, dataset.FromCache);
        }
        folder.Write("alpaca.json", text.Replace("Give three tips", "Give four tips"));
        using var changed = folder.Open(source);
        Assert.False(changed.FromCache);
    }

    [Fact]
    public void Progress_begins_with_none_and_ends_with_all_records()
    {
        using var folder = new Folder();
        var seen = new List<DatasetProgress>();
        using var dataset = folder.Open(Alpaca, progress: new Told(seen.Add));
        Assert.Equal(new DatasetProgress(0, 1805), seen[0]);
        Assert.Equal(new DatasetProgress(1805, 1805), seen[^1]);
    }

    sealed class Told(Action<DatasetProgress> report) : IProgress<DatasetProgress>
    {
        public void Report(DatasetProgress value) => report(value);
    }

    [Fact]
    public void Giving_up_leaves_nothing_behind()
    {
        using var folder = new Folder();
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => Dataset.Open(Alpaca, folder.Cache, stop: stop.Token));
        Assert.Empty(Directory.GetFiles(folder.Cache));
    }

    [Fact]
    public void JSON_lines_of_the_same_records_are_the_same_dataset()
    {
        using var folder = new Folder();
        using var json = JsonDocument.Parse(File.ReadAllBytes(SharedFiles.Alpaca));
        var lines = json.RootElement.EnumerateArray().Select(record => JsonSerializer.Serialize(record));
        var path = folder.Write("alpaca.jsonl", "\uFEFF" + string.Join("\r\n", lines) + "\r\n\r\n");
        using var array = folder.Open(Alpaca);
        using var other = folder.Open(Alpaca with { Path = path });
        Assert.Equal(array.Digest, other.Digest);
        Assert.Equal(array.Record(1000), other.Record(1000));
    }

    [Fact]
    public void Inspected_records_read_again_as_tokens_are_the_same_dataset()
    {
        using var folder = new Folder();
        using var dataset = folder.Open(Alpaca);
        var seen = DataInspection.Records(dataset, SharedFiles.Llama, 0, dataset.Count - 1).ToList();
        var path = folder.Write("tokens.jsonl", string.Join('\n', seen.Select(record => record.ToJsonLine())));
        using var tokens = folder.Open(new DataSource { Path = path, Vocabulary = 32000 });
        Assert.Equal(dataset.Digest, tokens.Digest);
        Assert.Null(tokens.Record(0));
        var first = seen[0];
        Assert.Equal("Give three tips for staying healthy.", first.Source!.Instruction);
        Assert.Equal(PromptTemplate.Alpaca.Prompt(first.Source.Instruction, first.Source.Input), first.Prompt);
        Assert.Equal(first.Source.Output, first.Answer);
        Assert.Equal(first.Supervised, dataset.Supervised(0));
    }

    [Fact]
    public void The_run_parity_records_read_without_a_tokenizer()
    {
        using var folder = new Folder();
        using var dataset = folder.Open(new DataSource { Path = SharedFiles.Need("reference/run_parity/data.jsonl"), Vocabulary = 96, MaxSequenceLength = 48 });
        Assert.Equal([1, 18, 88, 78, 12, 56, 53, 27, 37, 85, 30, 46, 37, 23, 2], dataset.Tokens(0).ToArray());
        Assert.Equal([-100, -100, -100, -100, -100, -100, 53, 27, 37, 85, 30, 46, 37, 23, 2], dataset.Labels(0).ToArray());
        Assert.Equal(9, dataset.Supervised(0));
    }

    [Fact]
    public void A_split_holds_out_what_was_asked_and_depends_on_the_hash_alone() =>
        Gen.Select(Gen.Int[1, 400], Gen.ULong).Sample((records, seed) =>
        {
            var split = DatasetSplit.Draw(records, null, record => Mix(seed + (ulong)record));
            Assert.Equal(records / 10, split.Validation.Count);
            Assert.Equal(Enumerable.Range(0, records), split.Training.Concat(split.Validation).Order());
            Assert.Equal(split.Validation, split.Validation.Order());
            Assert.Equal(split.Validation, DatasetSplit.Draw(records, records / 10, record => Mix(seed + (ulong)record)).Validation);
        }, iter: 200);

    [Fact]
    public void Two_thousand_records_and_more_hold_out_two_hundred() =>
        Assert.Equal(200, DatasetSplit.Draw(2000, null, record => Mix((ulong)record)).Validation.Count);

    [Fact]
    public void The_unknown_token_is_not_supervised_as_the_originals_ignore_index_is_0()
    {
        using var folder = new Folder();
        var model = SmallModels.SentencePiece(SmallModels.Pieces(bytes: false, "a", "b", ":"), byteFallback: false);
        var example = Example.Of(new AlpacaRecord("", "", "axb"), Tokenizer.Open(folder.Write("tokenizer.model", model)), PromptTemplate.Alpaca, 512);
        Assert.Equal([3, 0, 4, 2], example.Tokens[^4..]);
        Assert.Equal([3, -100, 4, 2], example.Labels[^4..]);
    }

    [Fact]
    public void A_cache_folder_that_cannot_be_made_is_named()
    {
        using var folder = new Folder();
        var file = folder.Write("file", "");
        Assert.Contains($"{file}: ", Assert.Throws<Protocol.ProblemException>(() => folder.Open(Alpaca, cache: file)).Message);
    }

    static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
