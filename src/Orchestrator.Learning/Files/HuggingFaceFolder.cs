using System.Text.RegularExpressions;
using Orchestrator.Learning.Llama;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Files;

/// <summary>
/// Hugging Face's layout: <c>config.json</c> and <c>model.safetensors</c> or <c>pytorch_model.bin</c>, one file or shards with an index. Its
/// q and k have their rows in another order than Meta's: per head, first the even members of the rotary pairs, then the odd ones.
/// </summary>
static partial class HuggingFaceFolder
{
    public const string ConfigName = "config.json";
    static readonly string[] Stems = ["model.safetensors", "pytorch_model.bin"];

    /// <summary>Reads the configuration and the tables of the shards; no weight is read.</summary>
    /// <exception cref="ProblemException">everything that is wrong with the configuration, or a missing shard</exception>
    public static ModelLayout Open(string folder, ICollection<TensorFile> opened)
    {
        var config = ConfigJson.Open(Path.Combine(folder, ConfigName));
        var shapes = Shapes(config);
        if (config.Problems.Count > 0)
            throw new ProblemException(config.Problems);
        var (paths, index) = Shards(folder);
        TensorFile[] files = [.. paths.Select(path => ModelLayout.Opened(path, opened))];
        return new(shapes, Weights(files, shapes), files, config.Path) { IndexPath = index };
    }

    static LlamaConfig Shapes(ConfigJson config)
    {
        if (config.Text("model_type") is not "llama")
            config.Refuse("model_type", "\"llama\"", "other networks compute something else with the same names");
        if ((config.Text("hidden_act") ?? "silu") is not "silu")
            config.Refuse("hidden_act", "\"silu\"");
        foreach (var key in new[] { "attention_bias", "mlp_bias" })
            if (config.Bool(key, false))
                config.Refuse(key, "false", "LLaMA has no biases");
        if (config.Has("quantization_config"))
            config.Refuse("quantization_config", "none", "take the model in fp16 or bf16");

        var dim = config.Int("hidden_size", 1, ModelLimits.Width);
        var heads = config.Int("num_attention_heads", 1, ModelLimits.Width);
        var rope = config.Within("rope_scaling") ?? config.Within("rope_parameters");
        var shapes = new LlamaConfig
        {
            Dim = dim,
            Layers = config.Int("num_hidden_layers", 1, ModelLimits.Layers),
            Heads = heads,
            KeyValueHeads = config.Int("num_key_value_heads", 1, ModelLimits.Width, missing: heads),
            HeadDim = config.Int("head_dim", 1, ModelLimits.Width, missing: dim / heads),
            Hidden = config.Int("intermediate_size", 1, ModelLimits.Width),
            Vocabulary = config.Int("vocab_size", 1, ModelLimits.Vocabulary),
            NormEpsilon = config.Number("rms_norm_eps", 0, 1, missing: 1e-6),
            RopeTheta = config.Number("rope_theta", 1, 1e12, missing: rope?.Number("rope_theta", 1, 1e12, missing: 10_000) ?? 10_000),
            RopeScaling = rope is null ? null : Scaling(rope),
            TiedOutput = config.Bool("tie_word_embeddings", false),
            EndTokens = config.Ints("eos_token_id"),
        };
        config.Problems.AddRange(rope?.Problems ?? []);
        ModelLimits.Check(config, shapes);
        return shapes;
    }

    static RopeScaling? Scaling(ConfigJson rope)
    {
        switch (rope.Text("rope_type") ?? rope.Text("type") ?? "default")
        {
            case "default":
                return null;
            case "llama3":
                return new(rope.Number("factor", 1, 1e6), rope.Number("low_freq_factor", 0, 1e6), rope.Number("high_freq_factor", 0, 1e6),
                    rope.Int("original_max_position_embeddings", 1, 1 << 30));
            default:
                rope.Refuse(rope.Has("rope_type") ? "rope_type" : "type", "\"llama3\" or \"default\"", "other scalings give other angles");
                return null;
        }
    }

    static (string[] Paths, string? Index) Shards(string folder)
    {
        foreach (var stem in Stems)
        {
            var index = Path.Combine(folder, stem + ".index.json");
            if (File.Exists(index))
                return (Indexed(folder, index), index);
            if (File.Exists(Path.Combine(folder, stem)))
                return ([Path.Combine(folder, stem)], null);
        }
        throw new ProblemException(folder, "no weights", $"{string.Join(" or ", Stems)}, or one of them with .index.json and shards", "copy the folder again");
    }

    static string[] Indexed(string folder, string index)
    {
        var json = ConfigJson.Open(index);
        var map = json.Within("weight_map")?.Texts().ToArray() ?? [];
        string[] names = [.. map.Select(pair => pair.Value ?? "").Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (names.Length == 0)
            throw new ProblemException($"{index} weight_map", json.Raw("weight_map"), "which file holds which tensor", "copy the file again");
        // A name must not lead out of the folder.
        Problem[] problems = [.. names.Where(name => name.Length == 0 || name != Path.GetFileName(name) || !File.Exists(Path.Combine(folder, name)))
            .Select(name => new Problem($"{index} weight_map", $"the file '{name}', which is not there", "files of the folder", "copy the missing shards"))];
        return problems.Length == 0 ? [.. names.Select(name => Path.Combine(folder, name))] : throw new ProblemException(problems);
    }

    static Dictionary<string, WeightSource> Weights(TensorFile[] files, LlamaConfig shapes)
    {
        var weights = new Dictionary<string, WeightSource>(StringComparer.Ordinal);
        var problems = new List<Problem>();
        foreach (var file in files)
            foreach (var entry in file.Entries)
            {
                if (entry.Name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal) || (shapes.TiedOutput && entry.Name == "lm_head.weight"))
                    continue;
                var name = MetaNameOf(entry.Name);
                var heads = name.EndsWith(".attention.wq.weight", StringComparison.Ordinal) ? shapes.Heads
                    : name.EndsWith(".attention.wk.weight", StringComparison.Ordinal) ? shapes.KeyValueHeads : 0;
                if (!weights.TryAdd(name, new([(file, entry)], HeadsToInterleave: heads)))
                    problems.Add(new($"{file.Path} tensor {entry.Name}", "the same tensor in two files", "one", "copy the folder again"));
            }
        return problems.Count == 0 ? weights : throw new ProblemException(problems);
    }

    /// <summary>Meta's name of a weight; an unknown name stays as it is, and is refused where names are checked.</summary>
    public static string MetaNameOf(string name) => name switch
    {
        "model.embed_tokens.weight" => MetaNames.Embedding,
        "model.norm.weight" => "norm.weight",
        "lm_head.weight" => MetaNames.Output,
        _ when LayerWeight().Match(name) is { Success: true } match && PartOf(match.Groups[2].Value) is { } part => $"layers.{match.Groups[1].Value}.{part}.weight",
        _ => name,
    };

    static string? PartOf(string part) => part switch
    {
        "self_attn.q_proj" => "attention.wq",
        "self_attn.k_proj" => "attention.wk",
        "self_attn.v_proj" => "attention.wv",
        "self_attn.o_proj" => "attention.wo",
        "mlp.gate_proj" => "feed_forward.w1",
        "mlp.down_proj" => "feed_forward.w2",
        "mlp.up_proj" => "feed_forward.w3",
        "input_layernorm" => "attention_norm",
        "post_attention_layernorm" => "ffn_norm",
        _ => null,
    };

    [GeneratedRegex(@"^model\.layers\.([0-9]{1,4})\.([a-z_.]+)\.weight$")]
    private static partial Regex LayerWeight();
}
