using System.Buffers.Binary;
using System.Text;
using CsCheck;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using TorchSharp;

namespace Orchestrator.Learning.Tests.Files;

public class TensorFileTests
{
    [Fact]
    public void A_malicious_pickle_is_refused_by_the_name_of_what_it_calls_and_runs_nothing()
    {
        using var folder = new TemporaryFolder();
        var before = Environment.CurrentDirectory;
        File.Copy(Golden.Reference("checkpoints/malicious.pth"), folder["malicious.pth"]);
        try
        {
            Environment.CurrentDirectory = folder.Folder;
            var problem = Assert.Throws<ProblemException>(() => TensorFile.Open("malicious.pth")).Problems.Single();
            Assert.Contains("posix.system", problem.Found, StringComparison.Ordinal);
            Assert.Equal(["malicious.pth"], Directory.EnumerateFileSystemEntries(folder.Folder).Select(Path.GetFileName));
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    [Theory]
    [InlineData("cposix\nsystem\n(X\u0002\0\0\0lstR.", "posix.system")]
    [InlineData("\u0080\u0004\u008c\u0002os\u008c\u0006system\u0093.", "os.system")]
    [InlineData("c__builtin__\neval\n(S'1'\ntR.", "__builtin__.eval")]
    [InlineData("(S'ls'\nios\nsystem\n.", "os.system")]
    [InlineData("\u0082\u0001.", "opcode 0x82")]
    [InlineData("ctorch\nload\n.", "torch.load")]
    [InlineData("ctorch.serialization\n_get_layout\n.", "torch.serialization._get_layout")]
    public void Every_other_global_is_refused_by_name(string pickle, string named)
    {
        using var stream = new MemoryStream(Encoding.Latin1.GetBytes(pickle));
        Assert.Contains(named, Assert.Throws<ProblemException>(() => Pickle.Read("file", stream)).Problems.Single().Found, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pickle_of_every_protocol_gives_the_same_values()
    {
        // {'a': [1, -2, 3.5, None, True, 'b', (1,), 2**70]} as Python 3.11 pickles it, but for the length of protocol 4's frame.
        string[] pickles =
        [
            "(dp0\nVa\np1\n(lp2\nI1\naI-2\naF3.5\naNaI01\naVb\np3\na(I1\ntp4\naL1180591620717411303424L\nas.",
            "\u0080\u0002}q\0X\u0001\0\0\0aq\u0001]q\u0002(K\u0001J\u00fe\u00ff\u00ff\u00ffG@\u000c\0\0\0\0\0\0N\u0088X\u0001\0\0\0bq\u0003K\u0001\u0085q\u0004\u008a\u0009\0\0\0\0\0\0\0\0@es.",
            "\u0080\u0004\u0095\u0020\0\0\0\0\0\0\0}\u0094\u008c\u0001a\u0094]\u0094(K\u0001J\u00fe\u00ff\u00ff\u00ffG@\u000c\0\0\0\0\0\0N\u0088\u008c\u0001b\u0094K\u0001\u0085\u0094\u008a\u0009\0\0\0\0\0\0\0\0@es.",
        ];
        foreach (var pickle in pickles)
        {
            using var stream = new MemoryStream(Encoding.Latin1.GetBytes(pickle));
            var dict = Assert.IsType<PickleDict>(Pickle.Read("file", stream));
            Assert.True(dict.TryGet("a", out var value));
            var list = Assert.IsType<PickleList>(value);
            Assert.Equal([1L, -2L, 3.5, null, true, "b"], list.Take(6));
            Assert.Equal([1L], Assert.IsType<PickleTuple>(list[6]).Items);
            Assert.Equal(System.Numerics.BigInteger.Pow(2, 70), list[7]);
            Assert.Equal(stream.Length, stream.Position);
        }
    }

    [Fact]
    public void A_small_pickle_cannot_ask_for_much_memory_or_time()
    {
        // A namespace that takes its own attributes doubles with every step; a list in a list in a list, twice each, has 2^60 leaves.
        var doubling = "cargparse\nNamespace\n)R}(X\u0001\0\0\0ak\u0001ub".Replace("k\u0001", "K\u0001", StringComparison.Ordinal) + string.Concat(Enumerable.Repeat("2b", 60)) + ".";
        var laughs = "]q\0" + string.Concat(Enumerable.Range(0, 60).Select(i => $"](h{(char)i}h{(char)i}eq{(char)(i + 1)}")) + ".";
        var before = GC.GetTotalAllocatedBytes();
        foreach (var pickle in new[] { doubling, laughs })
        {
            using var stream = new MemoryStream(Encoding.Latin1.GetBytes("\u0080\u0002}X\u0001\0\0\0x" + pickle[..^1] + "s."));
            Assert.Throws<ProblemException>(() => new TensorTree("file", _ => (0, 0)).Flatten(Pickle.Read("file", stream)));
        }
        Assert.True(GC.GetTotalAllocatedBytes() - before < 1 << 30);
    }

    [Fact]
    public void A_truncated_file_is_named_with_the_tensor_that_is_missing()
    {
        using var folder = new TemporaryFolder();
        var whole = File.ReadAllBytes(Golden.Reference("run_parity/expected.safetensors"));
        File.WriteAllBytes(folder["cut.safetensors"], whole[..^10]);
        var problem = Assert.Throws<ProblemException>(() => TensorFile.Open(folder["cut.safetensors"])).Problems.Single();
        Assert.EndsWith("tensor losses", problem.Place, StringComparison.Ordinal);
        Assert.Contains("truncated", problem.Remedy, StringComparison.Ordinal);

        File.WriteAllBytes(folder["cut.pth"], File.ReadAllBytes(Golden.Reference("checkpoints/meta-legacy-pickle/consolidated.00.pth"))[..500_000]);
        Assert.Contains("truncated", Assert.Throws<ProblemException>(() => TensorFile.Open(folder["cut.pth"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "tensor b")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}""", 16, "tensor b")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "tensor a")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "tensor a")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""", 0, "tensor a")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 12, "12 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", 16, "header")]
    [InlineData("""{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", 8, "F31")]
    [InlineData("""{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", 8, "shape")]
    [InlineData("""{"a":7}""", 0, "header")]
    [InlineData("""{"a":""", 0, "header")]
    public void A_header_that_lies_is_told_by_tensor(string header, int dataBytes, string named)
    {
        using var folder = new TemporaryFolder();
        var bytes = new byte[8 + header.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, header.Length);
        Encoding.ASCII.GetBytes(header, bytes.AsSpan(8));
        File.WriteAllBytes(folder["lie"], bytes);
        var problem = Assert.Throws<ProblemException>(() => TensorFile.Open(folder["lie"])).Problems.Single();
        // The file ends early in the cases whose data is too long, which the size of the file tells.
        Assert.Contains(named, problem.ToString().Replace($"{8 + header.Length + dataBytes} bytes", $"{dataBytes} bytes", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_tensors_give_the_same_bytes_and_come_back()
    {
        using var folder = new TemporaryFolder();
        var shapes = Gen.Long[0, 5].List[0, 4];
        Gen.Select(shapes.List[0, 6], Gen.Dictionary(Gen.String[Gen.Char.AlphaNumeric, 0, 10], Gen.String[0, 10])[0, 3]).Sample((all, metadata) =>
        {
            using var scope = torch.NewDisposeScope();
            var tensors = all.Select((shape, i) =>
            {
                var values = Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(v => v + 0.25f * i).ToArray();
                return new SafeTensor($"t.{i}", shape, values);
            }).ToArray();
            SafeTensors.Write(folder["one"], tensors, metadata.Where(pair => IsText(pair.Value)).ToDictionary());
            SafeTensors.Write(folder["two"], tensors, metadata.Where(pair => IsText(pair.Value)).Reverse().ToDictionary());
            Assert.Equal(File.ReadAllBytes(folder["one"]), File.ReadAllBytes(folder["two"]));
            if (tensors.Length == 0)
                return;
            using var file = TensorFile.Open(folder["one"]);
            Assert.Equal(metadata.Where(pair => IsText(pair.Value)).OrderBy(pair => pair.Key), file.Metadata.OrderBy(pair => pair.Key));
            foreach (var tensor in tensors)
            {
                var read = file.Read(tensor.Name);
                Assert.Equal(tensor.Shape, read.shape);
                Assert.Equal(tensor.Span.ToArray(), read.contiguous().bytes.ToArray());
            }
        }, iter: 50, threads: 1);

        // JSON carries no half of a surrogate pair.
        static bool IsText(string text) => !text.Any(char.IsSurrogate);
    }

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_no_other()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["a"], "old");
        Assert.Throws<ProblemException>(() => AtomicFile.Write(folder["a"], stream =>
        {
            stream.WriteByte(1);
            throw new IOException("No space left on device");
        }));
        Assert.Equal("old", File.ReadAllText(folder["a"]));
        Assert.Single(Directory.EnumerateFiles(folder.Folder));
    }

    [Fact]
    public void Reading_leaves_no_native_tensor_behind()
    {
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        foreach (var path in new[] { "checkpoints/meta-mp2", "checkpoints/hf-pytorch-bin" })
        {
            using var model = ModelFolder.Open(Golden.Reference(path));
            foreach (var (name, _) in MetaNames.Of(model.Config))
            {
                model.Read(name, torch.bfloat16).Dispose();
                model.Read(name, torch.float32).Dispose();
            }
        }
        AdapterFile.Read(Golden.Reference("checkpoints/checkpoint-4.pth")).Dispose();
        AdapterFile.Read(Golden.Reference("methods/peft_adaption_prompt"), heads: 4).Dispose();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Inspection_tells_kinds_counts_and_digests()
    {
        foreach (var (path, kind, tensors) in new[]
        {
            ("reference/checkpoints/meta-mp2", "LLaMA in Meta's layout", 80), ("models/stories260K", "LLaMA in Hugging Face's layout", 47),
            ("reference/checkpoints/checkpoint-4.pth", "training checkpoint of LLaMA-Adapter, with its base", 44),
            ("reference/checkpoints/adapter_len5_layer3.pth", "LLaMA-Adapter", 5), ("reference/methods/peft_adaption_prompt", "PEFT adapter, ADAPTION_PROMPT", 6),
            ("reference/methods/peft_lora_qv", "PEFT adapter, LORA", 12), ("tokenizers/llama-32k/tokenizer.model", "tokenizer", 0),
        })
        {
            var inspection = Inspection.Of(Golden.Path(path));
            Assert.Equal((kind, tensors), (inspection.Kind, inspection.Tensors.Count));
            Assert.Contains(inspection.Facts, fact => fact.Value.Length == 64);
        }
    }
}
