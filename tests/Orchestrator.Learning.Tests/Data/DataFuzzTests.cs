using System.Text;
using Orchestrator.Learning.Data;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Tests.Data;

/// <summary>
/// Every reader of this part under mutated real files: it reads them or refuses them with problems, in bounded memory, and never fails otherwise.
/// <c>ORCHESTRATOR_FUZZ=10000</c> runs that many inputs per reader.
/// </summary>
public sealed class DataFuzzTests : IDisposable
{
    const long AllocatedBytesMax = 64 << 20;

    static readonly int Inputs = int.TryParse(Environment.GetEnvironmentVariable("ORCHESTRATOR_FUZZ"), out var inputs) ? inputs : 150;

    readonly Folder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void An_Alpaca_array() => Fuzz(Records(20), "data.json", path => Read(new DataSource { Path = path, Tokenizer = SharedFiles.Stories }));

    [Fact]
    public void Alpaca_lines() => Fuzz(Lines(), "data.jsonl", path => Read(new DataSource { Path = path, Tokenizer = SharedFiles.Stories }));

    [Fact]
    public void Token_lines() => Fuzz(File.ReadAllBytes(SharedFiles.Need("reference/run_parity/data.jsonl")).AsSpan(0, 3000).ToArray(), "data.jsonl",
        path => Read(new DataSource { Path = path, Vocabulary = 96 }));

    [Fact]
    public void A_SentencePiece_model() => Fuzz(File.ReadAllBytes(SharedFiles.Need("models/stories260K/tokenizer.model")), "tokenizer.model", Use);

    [Fact]
    public void A_tiktoken_model() => Fuzz(SmallModels.Tiktoken("th", "the", " the", "\n\n", "é"), "tokenizer.model", Use);

    [Fact]
    public void A_cache_of_tokens()
    {
        var source = new DataSource { Path = folder.Write("data.json", Records(5)), Tokenizer = SharedFiles.Stories };
        string digest;
        using (var dataset = folder.Open(source))
            digest = dataset.Digest;
        var cache = Directory.GetFiles(folder.Cache).Single();
        Fuzz(File.ReadAllBytes(cache), Path.GetRelativePath(folder.Path, cache), _ =>
        {
            using var dataset = folder.Open(source);
            Assert.Equal(digest, dataset.Digest);
            Touch(dataset);
        });
    }

    static byte[] Records(int count) => [.. File.ReadAllBytes(SharedFiles.Alpaca) is var bytes
        ? bytes.AsSpan(0, bytes.AsSpan().IndexOfNth("},"u8, count)).ToArray() : [], .. "}]"u8];

    static byte[] Lines() => Encoding.UTF8.GetBytes(string.Join('\n', System.Text.Json.JsonDocument.Parse(Records(20)).RootElement.EnumerateArray()
        .Select(record => System.Text.Json.JsonSerializer.Serialize(record))));

    void Read(DataSource source)
    {
        using var dataset = folder.Open(source);
        Touch(dataset);
        dataset.Dispose();
        Directory.Delete(folder.Cache, recursive: true);
    }

    static void Touch(Dataset dataset)
    {
        for (var record = 0; record < dataset.Count; record++)
        {
            _ = dataset.Record(record);
            Assert.Equal(dataset.Tokens(record).Length, dataset.Labels(record).Length);
        }
        new BatchPacker().Pack(dataset, [.. Enumerable.Range(0, dataset.Count)], PrefixSharing.CommonPrefixes);
    }

    static void Use(string path)
    {
        var tokenizer = Tokenizer.Open(path);
        foreach (var text in new[] { "Once upon a time, the\n\n  end é日🤖", "", "\0" })
            tokenizer.Decode(tokenizer.Encode(text, bos: true, eos: true));
        for (var token = 0; token < tokenizer.Vocabulary; token++)
            _ = tokenizer.Piece(token);
    }

    void Fuzz(byte[] real, string name, Action<string> read)
    {
        read(folder.Write(name, real));
        var refused = 0;
        for (var seed = 0; seed < Inputs; seed++)
        {
            var path = folder.Write(name, Mutate(real, new Random(seed)));
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                read(path);
            }
            catch (ProblemException e)
            {
                Assert.InRange(e.Problems.Count, 1, 21);
                refused++;
            }
            catch (Exception e)
            {
                Assert.Fail($"input {seed} of {name}: {e}");
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocatedBytesMax);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{Inputs} inputs of {name}, {refused} refused");
    }

    static byte[] Mutate(byte[] real, Random random)
    {
        var bytes = real.ToList();
        for (var i = random.Next(1, 8); i > 0 && bytes.Count > 0; i--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(7))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: bytes.RemoveRange(at, Math.Min(random.Next(1, 64), bytes.Count - at)); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 64), bytes.Count - at))); break;
                case 4: bytes.InsertRange(at, Interesting[random.Next(Interesting.Length)]); break;
                case 5: bytes.RemoveRange(at, random.Next(4) == 0 ? bytes.Count - at : 0); break;
                default: bytes.InsertRange(at, Enumerable.Repeat((byte)random.Next(256), random.Next(1, 16))); break;
            }
        }
        return [.. bytes];
    }

    static readonly byte[][] Interesting =
    [
        "\""u8.ToArray(), "\\"u8.ToArray(), "\\ud800"u8.ToArray(), "["u8.ToArray(), "]"u8.ToArray(), "{"u8.ToArray(), "}"u8.ToArray(), ","u8.ToArray(),
        "\n"u8.ToArray(), "\r"u8.ToArray(), "null"u8.ToArray(), "1e999"u8.ToArray(), "-100"u8.ToArray(), "2147483648"u8.ToArray(), "\"input_ids\":[1]"u8.ToArray(),
        "\uFEFF"u8.ToArray(), [0xFF, 0xFF, 0xFF, 0xFF, 0x07], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], [0, 0, 0, 0],
        [.. Enumerable.Repeat((byte)'[', 200)], [.. Enumerable.Repeat((byte)'{', 70)],
    ];
}

static class Bytes
{
    /// <summary>Where the n-th occurrence begins.</summary>
    public static int IndexOfNth(this Span<byte> bytes, ReadOnlySpan<byte> what, int n)
    {
        var at = -1;
        for (; n > 0; n--)
            at += 1 + bytes[(at + 1)..].IndexOf(what);
        return at;
    }
}
