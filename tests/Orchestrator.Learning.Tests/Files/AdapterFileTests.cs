using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using TorchSharp;

namespace Orchestrator.Learning.Tests.Files;

public class AdapterFileTests
{
    [Fact]
    public void The_adapter_the_original_releases_reads_as_the_golden_one()
    {
        using var golden = GoldenAdapter("v1_tiny.safetensors", "adapter0.");
        using var released = AdapterFile.Read(Golden.Reference("checkpoints/adapter_len5_layer3.pth"));
        AssertEqual(golden, released);
    }

    [Fact]
    public void Of_a_training_checkpoint_only_the_adapter_is_taken()
    {
        using var golden = GoldenAdapter("v1_tiny.safetensors", "adapter0.");
        using var training = AdapterFile.Read(Golden.Reference("checkpoints/checkpoint-4.pth"));
        Assert.Equal(5, training.Tensors.Count);
        Assert.Equal("4", training.Metadata["epoch"]);
        Assert.Equal("3", training.Metadata["args.adapter_layer"]);
        AssertEqual(golden, training);
    }

    [Fact]
    public void What_we_write_for_the_original_is_byte_for_byte_what_torch_save_writes()
    {
        using var folder = new TemporaryFolder();
        var torchs = Golden.Reference("checkpoints/adapter_len5_layer3.pth");
        using var adapter = AdapterFile.Read(torchs);
        AdapterFile.WriteUpstream(folder["adapter_len5_layer3.pth"], adapter, UpstreamGates.Raw);
        Assert.Equal(File.ReadAllBytes(torchs), File.ReadAllBytes(folder["adapter_len5_layer3.pth"]));
    }

    [Theory]
    [InlineData("meta-fp32")]
    [InlineData("meta-bf16")]
    [InlineData("meta-mp2")]
    public void So_is_a_whole_model(string layout)
    {
        using var scope = torch.NewDisposeScope();
        var torchs = Golden.Reference($"checkpoints/{layout}/consolidated.00.pth");
        using var file = TensorFile.Open(torchs);
        using var stream = new MemoryStream();
        TorchWriter.Write(stream, "consolidated.00", [.. file.Entries.Select(entry => SafeTensor.Of(entry.Name, file.Read(entry.Name)))]);
        Assert.Equal(File.ReadAllBytes(torchs), stream.ToArray());
    }

    [Fact]
    public void For_the_originals_inference_the_file_holds_tanh_of_the_gates()
    {
        using var scope = torch.NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var adapter = AdapterFile.Read(Golden.Reference("checkpoints/adapter_len5_layer3.pth"));
        AdapterFile.WriteUpstream(folder["inference.pth"], adapter, UpstreamGates.Tanh);
        using var read = AdapterFile.Read(folder["inference.pth"]);
        foreach (var (name, tensor) in adapter.Tensors)
            Assert.True(read.Tensors[name].equal(name == AdapterNames.Query ? tensor : tensor.tanh()).all().item<bool>());
    }

    [Fact]
    public void Layers_below_the_adapted_ones_get_the_zero_gates_that_the_original_writes()
    {
        using var scope = torch.NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var adapter = new AdapterContents(new Dictionary<string, torch.Tensor> { [AdapterNames.Query] = torch.ones(4, 8), [AdapterNames.Gate(2)] = torch.ones(1, 2, 1, 1), [AdapterNames.Gate(3)] = torch.ones(1, 2, 1, 1) }, Nothing);
        AdapterFile.WriteUpstream(folder["a.pth"], adapter, UpstreamGates.Raw);
        using var read = AdapterFile.Read(folder["a.pth"]);
        Assert.Equal([AdapterNames.Query, .. Enumerable.Range(0, 4).Select(AdapterNames.Gate)], read.Tensors.Keys);
        Assert.Equal([0f, 0f, 1f, 1f], Enumerable.Range(0, 4).Select(layer => read.Tensors[AdapterNames.Gate(layer)].mean().item<float>()));
    }

    [Fact]
    public void Ours_comes_back_as_it_was_with_its_order_and_its_metadata()
    {
        using var folder = new TemporaryFolder();
        using var adapter = AdapterFile.Read(Golden.Reference("run_parity/init-adapter.pth"));
        AdapterFile.Write(folder[AdapterFile.Name], adapter with { Metadata = new Dictionary<string, string> { ["spec"] = "abc", ["ключ"] = "\"значение\"\n" } });
        using var read = AdapterFile.Read(folder.Folder);
        Assert.Equal(adapter.Tensors.Keys, read.Tensors.Keys);
        Assert.Equal("\"значение\"\n", read.Metadata["ключ"]);
        AssertEqual(adapter, read);
    }

    [Fact]
    public void A_peft_folder_is_the_golden_one_and_reads_back_as_the_adapter()
    {
        using var scope = torch.NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var adapter = GoldenAdapter("methods/peft_adaption_prompt.safetensors", "adapter0.");
        PeftFolder.Write(folder.Folder, adapter, "base", promptLength: 5);
        var golden = Golden.Reference("methods/peft_adaption_prompt");
        Assert.Equal(File.ReadAllText(Path.Combine(golden, "adapter_config.json")), File.ReadAllText(folder["adapter_config.json"]));
        using var theirs = TensorFile.Open(Path.Combine(golden, "adapter_model.safetensors"));
        using var ours = TensorFile.Open(folder["adapter_model.safetensors"]);
        Assert.Equal(theirs.Entries.Select(entry => (entry.Name, entry.ShapeText)), ours.Entries.Select(entry => (entry.Name, entry.ShapeText)));
        foreach (var entry in theirs.Entries)
            Assert.True((theirs.Read(entry.Name) - ours.Read(entry.Name)).abs().max().item<float>() <= 6e-8f, entry.Name);

        using var read = AdapterFile.Read(golden, heads: 4);
        Assert.Equal(4, read.Tensors.Count); // layer 0 is not adapted
        foreach (var (name, tensor) in read.Tensors)
        {
            Assert.Equal(adapter.Tensors[name].shape, tensor.shape);
            Assert.True((adapter.Tensors[name] - tensor).abs().max().item<float>() < 1e-6f, name);
        }
        using var shared = AdapterFile.Read(golden);
        Assert.Equal([1, 1, 1, 1], shared.Tensors[AdapterNames.Gate(1)].shape);
    }

    [Fact]
    public void Unequal_gates_cannot_go_into_a_peft_folder_and_are_named_with_their_spread()
    {
        using var folder = new TemporaryFolder();
        using var adapter = GoldenAdapter("v1_tiny.safetensors", "train.final.");
        var told = Assert.Throws<ProblemException>(() => PeftFolder.Write(folder["peft"], adapter, "base")).Problems;
        Assert.Equal(3, told.Count);
        Assert.Contains("layers.1.attention.gate", told[0].Place, StringComparison.Ordinal);
        Assert.Matches("differ by [0-9.e-]+", told[0].Found);
        Assert.False(Directory.Exists(folder["peft"]));
    }

    [Fact]
    public void Without_a_prompt_length_the_layers_are_those_from_the_first_gate_that_is_not_zero()
    {
        using var folder = new TemporaryFolder();
        using var adapter = GoldenAdapter("methods/peft_adaption_prompt.safetensors", "adapter0.");
        adapter.Tensors[AdapterNames.Gate(0)].zero_(); // as the original leaves it; the golden has a number there, to show that it is not used
        PeftFolder.Write(folder["peft"], adapter, "base");
        using var read = AdapterFile.Read(folder["peft"]);
        Assert.Equal([AdapterNames.Query, .. Enumerable.Range(1, 3).Select(AdapterNames.Gate)], read.Tensors.Keys);

        foreach (var layer in Enumerable.Range(0, 4))
            adapter.Tensors[AdapterNames.Gate(layer)].zero_();
        Assert.Contains("say the prompt length", Assert.Throws<ProblemException>(() => PeftFolder.Write(folder["other"], adapter, "base")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(-1.5f)]
    [InlineData(float.NaN)]
    public void A_gate_that_no_tanh_reaches_is_refused(float gate)
    {
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(Golden.Reference("methods/peft_adaption_prompt"), "adapter_config.json"), folder["adapter_config.json"]);
        var tensors = Enumerable.Range(1, 3).SelectMany(layer => new SafeTensor[]
        {
            new($"base_model.model.model.layers.{layer}.self_attn.adaption_gate", [1], new[] { gate }),
            new($"base_model.model.model.layers.{layer}.self_attn.adaption_prompt", [1, 5, 2], new float[10]),
        });
        SafeTensors.Write(folder["adapter_model.safetensors"], [.. tensors], Nothing);
        Assert.Contains("between -1 and 1", Assert.Throws<ProblemException>(() => AdapterFile.Read(folder.Folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_of_pefts_methods_is_refused_by_name() =>
        Assert.Contains("LORA", Assert.Throws<ProblemException>(() => AdapterFile.Read(Golden.Reference("methods/peft_lora_qv"))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("v2_text_chat.pth")]
    [InlineData("v2_multimodal_BIAS-7B.pth")]
    [InlineData("v2_multimodal_checkpoint-3.pth")]
    [InlineData("imagebind_7B.pth")]
    public void Files_of_the_later_methods_open_too(string name)
    {
        using var adapter = AdapterFile.Read(Golden.Reference($"methods/files/{name}"));
        Assert.NotEmpty(adapter.Tensors);
    }

    static readonly Dictionary<string, string> Nothing = [];

    internal static AdapterContents GoldenAdapter(string file, string prefix)
    {
        using var golden = TensorFile.Open(Golden.Reference(file));
        return new(golden.Entries.Where(entry => entry.Name.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(entry => entry.Name[prefix.Length..], entry => golden.Read(entry.Name)), Nothing);
    }

    static void AssertEqual(AdapterContents expected, AdapterContents actual)
    {
        using var scope = torch.NewDisposeScope();
        Assert.Equal(expected.Tensors.Keys.Order(), actual.Tensors.Keys.Order());
        foreach (var (name, tensor) in expected.Tensors)
            Assert.True(tensor.equal(actual.Tensors[name]).all().item<bool>(), name);
    }
}
