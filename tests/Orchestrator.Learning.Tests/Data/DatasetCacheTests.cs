using Orchestrator.Learning.Data;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Tests.Data;

public sealed class DatasetCacheTests : IDisposable
{
    readonly Folder folder = new();
    readonly DataSource source;

    public DatasetCacheTests() => source = new DataSource
    {
        Path = folder.Write("data.jsonl", Folder.Lines([([1, 2, 3], [-100, 2, 3]), ([4, 5], [-100, 5]), ([6], [-100])])),
        Vocabulary = 10,
    };

    public void Dispose() => folder.Dispose();

    string Made()
    {
        using var dataset = folder.Open(source);
        Assert.False(dataset.FromCache);
        return Directory.GetFiles(folder.Cache).Single();
    }

    [Fact]
    public void Every_byte_that_changes_is_seen_and_the_cache_is_made_again()
    {
        var cache = Made();
        var whole = File.ReadAllBytes(cache);
        for (var at = 0; at < whole.Length; at++)
        {
            var damaged = whole.ToArray();
            damaged[at] ^= (byte)(1 << (at % 8));
            File.WriteAllBytes(cache, damaged);
            using var dataset = folder.Open(source);
            Assert.False(dataset.FromCache, $"byte {at} was changed");
            Assert.Equal(whole, File.ReadAllBytes(cache));
        }
    }

    [Fact]
    public void Every_length_that_is_not_its_own_is_seen()
    {
        var cache = Made();
        var whole = File.ReadAllBytes(cache);
        for (var length = 0; length <= whole.Length + 8; length += length < 130 ? 1 : 4)
        {
            if (length == whole.Length)
                continue;
            File.WriteAllBytes(cache, [.. whole.AsSpan(0, Math.Min(length, whole.Length)), .. new byte[Math.Max(0, length - whole.Length)]]);
            using var dataset = folder.Open(source);
            Assert.False(dataset.FromCache, $"cut to {length} bytes");
        }
    }

    [Fact]
    public void Another_sources_cache_under_this_ones_name_is_seen()
    {
        var cache = Made();
        using (var other = folder.Open(source with { MaxSequenceLength = 2 }))
            Assert.False(other.FromCache);
        File.Copy(Directory.GetFiles(folder.Cache).Single(path => path != cache), cache, overwrite: true);
        using var dataset = folder.Open(source);
        Assert.False(dataset.FromCache);
        Assert.Equal(3, dataset.Length(0));
    }

    [Fact]
    public void A_temporary_file_of_a_process_that_died_is_not_in_the_way()
    {
        Directory.CreateDirectory(folder.Cache);
        File.WriteAllText(Path.Combine(folder.Cache, "0123.dataset.77-1.tmp"), "half");
        using var dataset = folder.Open(source);
        Assert.Equal(2, Directory.GetFiles(folder.Cache).Length);
    }

    [Fact]
    public void An_open_dataset_goes_on_while_its_cache_is_made_again()
    {
        var cache = Made();
        using var first = folder.Open(source);
        Assert.True(first.FromCache);
        File.Delete(cache);
        using var second = folder.Open(source);
        Assert.Equal(first.Tokens(0).ToArray(), second.Tokens(0).ToArray());
    }

    [Fact]
    public void Texts_of_a_source_that_has_changed_are_refused()
    {
        var path = folder.Write("alpaca.json", """[{"instruction": "a", "output": "b"}]""");
        using var dataset = folder.Open(new DataSource { Path = path, Tokenizer = SharedFiles.Stories });
        Assert.Equal("a", dataset.Record(0)!.Instruction);
        folder.Write("alpaca.json", """[{"instruction": "c", "output": "longer"}]""");
        Assert.Contains("another file than was opened found", Assert.Throws<ProblemException>(() => dataset.Record(0)).Message);
        Assert.Equal(1, dataset.Supervised(0) > 0 ? 1 : 0); // the tokens are the cache's own
    }

    [Fact]
    public void A_source_that_changes_while_it_is_read_is_refused_and_not_kept()
    {
        var path = folder.Write("alpaca.json", """[{"instruction": "a", "output": "b"}]""");
        var changing = new DataSource { Path = path, Tokenizer = SharedFiles.Stories };
        Assert.Throws<ProblemException>(() => folder.Open(changing, (count, body) =>
        {
            for (var i = 0; i < count; i++)
                body(i);
            File.AppendAllText(path, "\n");
        }));
        Assert.Empty(Directory.GetFiles(folder.Cache));
    }

    [Fact]
    public void Equal_examples_have_an_equal_digest_and_others_another()
    {
        using var here = folder.Dataset([([1, 2], [-100, 2]), ([3, 4], [-100, 4])]);
        using var spaced = folder.Open(new DataSource
        {
            Path = folder.Write("spaced.json", """[ {"labels": [ -100, 2], "input_ids": [1, 2]}, {"input_ids": [3, 4], "labels": [null, 4]} ]"""),
            Vocabulary = 5,
        });
        using var turned = folder.Dataset([([3, 4], [-100, 4]), ([1, 2], [-100, 2])]);
        using var relabelled = folder.Dataset([([1, 2], [1, 2]), ([3, 4], [-100, 4])]);
        Assert.Equal(here.Digest, spaced.Digest);
        Assert.Equal(3, new[] { here.Digest, turned.Digest, relabelled.Digest }.Distinct().Count());
    }
}
