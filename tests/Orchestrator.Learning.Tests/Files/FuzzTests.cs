using System.Diagnostics;
using System.Globalization;
using Orchestrator.Harness;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using TorchSharp;

namespace Orchestrator.Learning.Tests.Files;

/// <summary>
/// Every reader against damaged real files: only <see cref="ProblemException"/> may come out, in bounded memory and time, and no native memory
/// stays. Short by default; the long form is <c>ORCHESTRATOR_FUZZ=10000 dotnet test --project tests/Orchestrator.Learning.Tests --filter-class
/// "*FuzzTests"</c> with as many inputs per reader as the variable says. A failure names its seed; <c>ORCHESTRATOR_FUZZ_SEED</c> runs that one only.
/// </summary>
public class FuzzTests
{
    static int Inputs => int.Parse(Environment.GetEnvironmentVariable("ORCHESTRATOR_FUZZ") ?? "200", CultureInfo.InvariantCulture);

    [Theory]
    [InlineData("safetensors", "run_parity/expected.safetensors", "methods/peft_adaption_prompt/adapter_model.safetensors", "checkpoints/hf-safetensors/model-00002-of-00002.safetensors")]
    [InlineData("torch zip", "checkpoints/adapter_len5_layer3.pth", "run_parity/init-adapter.pth", "methods/files/v2_text_chat.pth", "methods/peft_lora_qv/adapter_model.bin", "checkpoints/malicious.pth",
        "checkpoints/checkpoint-4.pth")]
    [InlineData("torch legacy", "checkpoints/meta-legacy-pickle/consolidated.00.pth")]
    public void Of_a_damaged_file_come_tensors_or_one_clean_problem(string reader, params string[] seeds)
    {
        var files = seeds.Select(seed => File.ReadAllBytes(Golden.Reference(seed))).ToArray();
        if (reader == "torch legacy")
            files = [SmallLegacy(files[0]), .. files];
        using var folder = new TemporaryFolder();
        var path = folder["fuzzed"];
        Run(reader, random =>
        {
            // The large ones less often: their headers are like the small ones'.
            var file = files[random.Next(8) == 0 ? files.Length - 1 : random.Next(Math.Max(1, files.Length - 1))];
            File.WriteAllBytes(path, Mutation.Of(file, files[random.Next(files.Length)], random));
        }, () => ReadAll(path));
    }

    [Theory]
    [InlineData("Meta", "checkpoints/meta-mp2")]
    [InlineData("Hugging Face", "checkpoints/hf-safetensors")]
    [InlineData("PEFT", "methods/peft_adaption_prompt")]
    public void Of_a_damaged_folder_comes_a_model_or_all_its_problems(string reader, string seed)
    {
        using var folder = new TemporaryFolder();
        string[] names = [.. Directory.EnumerateFiles(Golden.Reference(seed)).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        var whole = names.ToDictionary(name => name, name => File.ReadAllBytes(Path.Combine(Golden.Reference(seed), name)));
        foreach (var (name, bytes) in whole)
            File.WriteAllBytes(folder[name], bytes);
        var damaged = names[0];
        Run(reader, random =>
        {
            File.WriteAllBytes(folder[damaged], whole[damaged]);
            string[] settings = [.. names.Where(name => name.EndsWith(".json", StringComparison.Ordinal))];
            damaged = random.Next(3) > 0 ? settings[random.Next(settings.Length)] : names[random.Next(names.Length)];
            File.WriteAllBytes(folder[damaged], Mutation.Of(whole[damaged], whole[names[random.Next(names.Length)]], random));
        }, () =>
        {
            Inspection.Of(folder.Folder);
            if (reader == "PEFT")
            {
                AdapterFile.Read(folder.Folder, heads: 4).Dispose();
                return;
            }
            using var model = ModelFolder.Open(folder.Folder);
            foreach (var name in new[] { "layers.0.attention.wq.weight", "layers.0.attention.wo.weight", "norm.weight", "output.weight" })
                model.Read(name, torch.float32).Dispose();
        });
    }

    static void Run(string reader, Action<Random> damage, Action read)
    {
        var native = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var only = Environment.GetEnvironmentVariable("ORCHESTRATOR_FUZZ_SEED") is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : -1;
        var (opened, bytesMost, slowest) = (0, 0L, TimeSpan.Zero);
        for (var seed = Math.Max(only, 0); seed < (only < 0 ? Inputs : only + 1); seed++)
        {
            damage(new Random(seed));
            var (bytes, watch) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.StartNew());
            try
            {
                read();
                opened++;
            }
            catch (ProblemException e)
            {
                Assert.NotEmpty(e.Problems);
            }
            catch (Exception e)
            {
                Assert.Fail($"{reader}, seed {seed}: {e}");
            }
            bytes = GC.GetAllocatedBytesForCurrentThread() - bytes;
            (bytesMost, slowest) = (Math.Max(bytesMost, bytes), watch.Elapsed > slowest ? watch.Elapsed : slowest);
            Assert.True(bytes < 256 << 20, $"{reader}, seed {seed}: {bytes:N0} bytes");
        }
        Assert.Equal(native, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{reader}: {Inputs} inputs, {opened} opened, {Inputs - opened} refused; at most {bytesMost / 1024.0 / 1024:f1} MB and {slowest.TotalMilliseconds:f0} ms an input; resident {Environment.WorkingSet >> 20} MB");
    }

    static void ReadAll(string path)
    {
        using var scope = torch.NewDisposeScope();
        using var file = TensorFile.Open(path);
        foreach (var entry in file.Entries.Take(50))
            if (entry.Elements < 100_000)
                Assert.Equal(file.Read(entry.Name).sum().ToString(), file.Load(entry.Name).sum().ToString());
    }

    /// <summary>A small file in the format before zip: the golden's own first three pickles, then two small tensors.</summary>
    static byte[] SmallLegacy(byte[] golden)
    {
        const int HeadBytes = 137;
        SafeTensor[] tensors = [new("a.weight", [3, 2], new float[6]), new("b", [4], new float[4])];
        using var stream = new MemoryStream();
        stream.Write(golden, 0, HeadBytes);
        stream.Write(TorchPickle.Of(tensors));
        stream.Write([0x80, 2, (byte)']', (byte)'(', (byte)'X', 1, 0, 0, 0, (byte)'0', (byte)'X', 1, 0, 0, 0, (byte)'1', (byte)'e', (byte)'.']);
        foreach (var tensor in tensors)
        {
            stream.Write(BitConverter.GetBytes(tensor.Shape.Aggregate(1L, (product, size) => product * size)));
            stream.Write(tensor.Span);
        }
        return stream.ToArray();
    }
}
