using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using TorchSharp;

namespace Orchestrator.Learning.Tests.Files;

public class ModelFolderTests
{
    [Theory]
    [InlineData("meta-fp32", torch.ScalarType.Float32)]
    [InlineData("meta-mp2", torch.ScalarType.Float32)]
    [InlineData("meta-legacy-pickle", torch.ScalarType.Float32)]
    [InlineData("hf-safetensors", torch.ScalarType.Float32)]
    [InlineData("hf-pytorch-bin", torch.ScalarType.Float32)]
    [InlineData("meta-fp16", torch.ScalarType.Float16)]
    [InlineData("meta-bf16", torch.ScalarType.BFloat16)]
    public void Every_layout_gives_the_weights_of_the_golden_base(string layout, torch.ScalarType stored)
    {
        using var scope = torch.NewDisposeScope();
        using var golden = TensorFile.Open(Golden.Reference("v1_tiny.safetensors"));
        using var model = ModelFolder.Open(Golden.Reference($"checkpoints/{layout}"));
        Assert.Equal((64, 4, 4, 4, 16, 192, 96), (model.Config.Dim, model.Config.Layers, model.Config.Heads, model.Config.KeyValueHeads, model.Config.HeadDim,
            model.Config.Hidden, model.Config.Vocabulary));
        Assert.Equal(1e-6, model.Config.NormEpsilon);
        foreach (var (name, shape) in MetaNames.Of(model.Config))
        {
            var expected = golden.Read("base." + name);
            var actual = model.Read(name, torch.float32);
            Assert.Equal(shape, actual.shape);
            Assert.True(actual.equal(expected.to(stored).to(torch.float32)).all().item<bool>(), name);
        }
    }

    [Fact]
    public void Without_a_stated_vocabulary_it_is_the_embeddings()
    {
        using var model = ModelFolder.Open(Golden.Reference("run_parity/model"));
        Assert.Equal((96, false), (model.Config.Vocabulary, model.Config.TiedOutput));
        Assert.Null(model.TokenizerPath);
    }

    [Fact]
    public void A_training_checkpoint_of_the_original_opens_beside_its_configuration()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Golden.Reference("checkpoints/checkpoint-4.pth"), folder["checkpoint-4.pth"]);
        var missing = Assert.Throws<ProblemException>(() => ModelFolder.Open(folder["checkpoint-4.pth"]));
        Assert.Contains("params.json", missing.Message, StringComparison.Ordinal);

        File.Copy(Golden.Reference("checkpoints/meta-fp32/params.json"), folder["params.json"]);
        using var scope = torch.NewDisposeScope();
        using var golden = TensorFile.Open(Golden.Reference("v1_tiny.safetensors"));
        using var model = ModelFolder.Open(folder["checkpoint-4.pth"]);
        Assert.True(model.Read("output.weight", torch.float32).equal(golden.Read("base.output.weight")).all().item<bool>());
    }

    [Fact]
    public void A_grouped_query_model_with_tied_embeddings_opens()
    {
        using var scope = torch.NewDisposeScope();
        using var model = ModelFolder.Open(Golden.Path("models/stories260K"));
        Assert.Equal((8, 4, 8, 172, 512, true), (model.Config.Heads, model.Config.KeyValueHeads, model.Config.HeadDim, model.Config.Hidden, model.Config.Vocabulary, model.Config.TiedOutput));
        Assert.Equal([2], model.Config.EndTokens);
        Assert.EndsWith("tokenizer.model", model.TokenizerPath, StringComparison.Ordinal);
        Assert.True(model.Read("output.weight", torch.float32).equal(model.Read("tok_embeddings.weight", torch.float32)).all().item<bool>());

        using var raw = TensorFile.Open(model.Files[^1]);
        var (stored, keys) = (raw.Read("model.layers.2.self_attn.k_proj.weight"), model.Read("layers.2.attention.wk.weight", torch.float32));
        for (var head = 0; head < 4; head++)
            for (var pair = 0; pair < 4; pair++)
                for (var member = 0; member < 2; member++)
                    Assert.True(keys[head * 8 + 2 * pair + member].equal(stored[head * 8 + member * 4 + pair]).all().item<bool>());
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(4, true)]
    [InlineData(4, false)]
    public void Shards_of_any_number_are_merged_whether_the_embedding_was_cut_by_rows_or_by_columns(int ranks, bool rows)
    {
        using var scope = torch.NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var whole = ModelFolder.Open(Golden.Reference("checkpoints/meta-fp32"));
        File.Copy(whole.Files[0], folder["params.json"]);
        for (var rank = 0; rank < ranks; rank++)
            AtomicFile.Write(folder[$"consolidated.{rank:d2}.pth"], stream => TorchWriter.Write(stream, "consolidated",
                [.. MetaNames.Of(whole.Config).Select(weight => SafeTensor.Of(weight.Name, Piece(weight.Name, whole.Read(weight.Name, torch.float32), rank)))]));
        using var merged = ModelFolder.Open(folder.Folder);
        Assert.Equal(whole.Config, merged.Config with { EndTokens = whole.Config.EndTokens });
        foreach (var (name, _) in MetaNames.Of(whole.Config))
            Assert.True(whole.Read(name, torch.float32).equal(merged.Read(name, torch.float32)).all().item<bool>(), name);

        torch.Tensor Piece(string name, torch.Tensor weight, int rank) =>
            weight.dim() == 1 ? weight
            : name.Contains(".wo.", StringComparison.Ordinal) || name.Contains(".w2.", StringComparison.Ordinal) || (name == MetaNames.Embedding && !rows)
                ? weight.chunk(ranks, 1)[rank]
                : weight.chunk(ranks, 0)[rank];
    }

    [Fact]
    public void A_missing_shard_is_told_by_its_number()
    {
        using var folder = new TemporaryFolder();
        var source = Golden.Reference("checkpoints/meta-mp2");
        File.Copy(Path.Combine(source, "params.json"), folder["params.json"]);
        File.Copy(Path.Combine(source, "consolidated.01.pth"), folder["consolidated.01.pth"]);
        Assert.Contains("shard 0", Assert.Throws<ProblemException>(() => ModelFolder.Open(folder.Folder)).Message, StringComparison.Ordinal);

        // The last one missing shows in the shapes.
        File.Move(folder["consolidated.01.pth"], folder["consolidated.00.pth"]);
        Assert.Throws<ProblemException>(() => ModelFolder.Open(folder.Folder));
    }

    [Fact]
    public void Heads_may_be_wider_than_the_model_divided_by_their_number()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], """
            {"model_type": "llama", "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 6, "vocab_size": 16,
             "rms_norm_eps": 1e-5, "rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"}, "eos_token_id": [7, 9]}
            """);
        (string, long[])[] tensors = [("model.embed_tokens", [16, 8]), ("lm_head", [16, 8]), ("model.norm", [8]), ("model.layers.0.self_attn.q_proj", [12, 8]), ("model.layers.0.self_attn.k_proj", [6, 8]),
            ("model.layers.0.self_attn.v_proj", [6, 8]), ("model.layers.0.self_attn.o_proj", [8, 12]), ("model.layers.0.mlp.gate_proj", [12, 8]), ("model.layers.0.mlp.up_proj", [12, 8]),
            ("model.layers.0.mlp.down_proj", [8, 12]), ("model.layers.0.input_layernorm", [8]), ("model.layers.0.post_attention_layernorm", [8])];
        SafeTensors.Write(folder["model.safetensors"], [.. tensors.Select(tensor => new SafeTensor(tensor.Item1 + ".weight", tensor.Item2,
            Enumerable.Range(0, (int)tensor.Item2.Aggregate(1L, (a, b) => a * b)).Select(i => (float)i).ToArray()))], new Dictionary<string, string>());
        using var scope = torch.NewDisposeScope();
        using var model = ModelFolder.Open(folder.Folder);
        Assert.Equal((6, 500_000), (model.Config.HeadDim, model.Config.RopeTheta));
        Assert.Equal([7, 9], model.Config.EndTokens);
        // First column of q: row r of the file holds 8 r. Per head of six rows: 0, 3, 1, 4, 2, 5.
        Assert.Equal([0f, 24, 8, 32, 16, 40, 48, 72, 56, 80, 64, 88], model.Read("layers.0.attention.wq.weight", torch.float32)[.., 0].contiguous().data<float>().ToArray());
    }

    [Fact]
    public void Whole_weights_of_the_wanted_type_share_the_pages_of_the_file()
    {
        using var scope = torch.NewDisposeScope();
        foreach (var layout in new[] { "meta-fp32", "hf-safetensors" })
        {
            using var model = ModelFolder.Open(Golden.Reference($"checkpoints/{layout}"));
            var (one, two) = (model.Read("layers.0.attention.wo.weight", torch.float32), model.Read("layers.0.attention.wo.weight", torch.float32));
            Assert.Equal(Address(one), Address(two));
            Assert.NotEqual(Address(model.Read("layers.0.attention.wo.weight", torch.bfloat16)), Address(model.Read("layers.0.attention.wo.weight", torch.bfloat16)));
        }

        static unsafe nint Address(torch.Tensor tensor)
        {
            fixed (byte* first = tensor.bytes)
                return (nint)first;
        }
    }

    [Fact]
    public void Weights_outlive_the_folder_they_came_from()
    {
        using var scope = torch.NewDisposeScope();
        torch.Tensor weight;
        double before;
        using (var model = ModelFolder.Open(Golden.Reference("checkpoints/meta-fp32")))
        {
            weight = model.Read("output.weight", torch.float32);
            before = weight.sum().item<float>();
        }
        GC.Collect();
        Assert.Equal(before, weight.sum().item<float>());
    }

    [Fact]
    public void A_truncated_checkpoint_says_so()
    {
        var problem = Assert.Throws<ProblemException>(() => ModelFolder.Open(Golden.Reference("checkpoints/meta-truncated"))).Problems.Single();
        Assert.Contains("consolidated.00.pth", problem.Place, StringComparison.Ordinal);
        Assert.Contains("truncated", problem.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_and_odd_tensors_are_told_all_at_once()
    {
        using var folder = new TemporaryFolder();
        var source = Golden.Reference("checkpoints/hf-safetensors");
        File.Copy(Path.Combine(source, "model-00001-of-00002.safetensors"), folder["model.safetensors"]);
        File.WriteAllText(folder["config.json"], File.ReadAllText(Path.Combine(source, "config.json")).Replace("\"intermediate_size\": 192", "\"intermediate_size\": 176", StringComparison.Ordinal));
        var told = Assert.Throws<ProblemException>(() => ModelFolder.Open(folder.Folder)).Problems;
        Assert.Contains(told, problem => problem.Place.EndsWith("tensor norm.weight", StringComparison.Ordinal) && problem.Found == "nothing");
        Assert.Contains(told, problem => problem.Place.EndsWith("model.layers.0.mlp.gate_proj.weight", StringComparison.Ordinal) && problem.Expected.StartsWith("[176, 64]", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("\"model_type\": \"llama\"", "\"model_type\": \"mixtral\"", "model_type")]
    [InlineData("\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu\"", "hidden_act")]
    [InlineData("\"rope_theta\": 10000.0", "\"rope_theta\": 10000.0, \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 2}", "rope_scaling type")]
    [InlineData("\"bos_token_id\": 1", "\"attention_bias\": true", "attention_bias")]
    [InlineData("\"hidden_size\": 64", "\"hidden_size\": \"wide\"", "hidden_size")]
    public void What_is_no_llama_is_refused_by_field(string from, string to, string field)
    {
        using var folder = new TemporaryFolder();
        var source = Golden.Reference("checkpoints/hf-pytorch-bin");
        File.Copy(Path.Combine(source, "pytorch_model.bin"), folder["pytorch_model.bin"]);
        File.WriteAllText(folder["config.json"], File.ReadAllText(Path.Combine(source, "config.json")).Replace(from, to, StringComparison.Ordinal));
        var told = Assert.Throws<ProblemException>(() => ModelFolder.Open(folder.Folder)).Problems;
        Assert.Contains(told, problem => problem.Place.EndsWith(field, StringComparison.Ordinal));
    }

    [Fact]
    public void Llama_3s_scaled_frequencies_are_read_from_both_layouts()
    {
        using var folder = new TemporaryFolder();
        var source = Golden.Reference("checkpoints/hf-pytorch-bin");
        File.Copy(Path.Combine(source, "pytorch_model.bin"), folder["pytorch_model.bin"]);
        File.WriteAllText(folder["config.json"], File.ReadAllText(Path.Combine(source, "config.json")).Replace("\"rope_theta\": 10000.0",
            "\"rope_theta\": 500000.0, \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 8192}",
            StringComparison.Ordinal));
        using var fromHuggingFace = ModelFolder.Open(folder.Folder);
        Assert.Equal((500_000, new(8, 1, 4, 8192)), (fromHuggingFace.Config.RopeTheta, fromHuggingFace.Config.RopeScaling));

        using var meta = new TemporaryFolder();
        File.Copy(Golden.Reference("checkpoints/meta-fp32/consolidated.00.pth"), meta["consolidated.00.pth"]);
        File.WriteAllText(meta["params.json"], """{"dim": 64, "multiple_of": 32, "n_heads": 4, "n_layers": 4, "norm_eps": 1e-05, "vocab_size": 96, "rope_theta": 500000.0, "use_scaled_rope": true}""");
        using var fromMeta = ModelFolder.Open(meta.Folder);
        Assert.Equal(fromHuggingFace.Config.RopeScaling, fromMeta.Config.RopeScaling);
    }

    [Fact]
    public void The_digest_is_that_of_names_and_bytes_and_is_remembered()
    {
        using var folder = new TemporaryFolder();
        using var cache = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(Golden.Path("models/stories260K")))
            File.Copy(file, folder[Path.GetFileName(file)]);
        string before;
        using (var model = ModelFolder.Open(folder.Folder))
        {
            before = model.Digest(cache.Folder);
            Assert.Equal(before, model.Digest(null));
            var read = 0L;
            Assert.Equal(before, model.Digest(cache.Folder, new Counting(bytes => read += bytes)));
            Assert.Equal(new FileInfo(folder["config.json"]).Length, read); // the weights' digest was known
        }
        var bytes = File.ReadAllBytes(folder["model.safetensors"]);
        bytes[^1] ^= 1;
        File.WriteAllBytes(folder["model.safetensors"], bytes);
        using var changed = ModelFolder.Open(folder.Folder);
        Assert.NotEqual(before, changed.Digest(cache.Folder));
    }

    sealed class Counting(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
