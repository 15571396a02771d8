using System.Text.Json;
using Orchestrator.Learning.Files;
using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.World.Bases;

/// <summary>Writes a base as a Hugging Face folder: <c>config.json</c> and <c>model.safetensors</c> in bf16.</summary>
public static class HuggingFaceWriter
{
    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n" };

    /// <summary>Writes both files.</summary>
    /// <param name="folder">made if it is not there</param>
    /// <param name="config">the shapes</param>
    /// <param name="vector">all weights, in the order of <see cref="WeightList"/></param>
    public static void Write(string folder, LlamaConfig config, ReadOnlySpan<float> vector)
    {
        using var scope = NewDisposeScope();
        var list = new WeightList(config);
        List<SafeTensor> tensors = [];
        for (var i = 0; i < list.Count; i++)
        {
            var (name, shape) = list[i];
            var count = (int)shape.Aggregate((product, side) => product * side);
            var weight = tensor(vector[..count].ToArray(), shape);
            if (name.EndsWith("wq.weight", StringComparison.Ordinal) || name.EndsWith("wk.weight", StringComparison.Ordinal))
                weight = Halved(weight, config.HeadDim);
            tensors.Add(SafeTensor.Of(NameOf(name), weight.to(ScalarType.BFloat16)));
            vector = vector[count..];
        }
        SafeTensors.Write(Path.Combine(folder, "model.safetensors"), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.Write(Path.Combine(folder, "config.json"), stream =>
        {
            JsonSerializer.Serialize(stream, Configuration(config), Indented);
            stream.WriteByte((byte)'\n');
        });
    }

    // Meta's rotation turns neighbours, Hugging Face's turns the halves of a head: its rows are the even ones, then the odd ones.
    static Tensor Halved(Tensor weight, int headDim) =>
        weight.reshape(-1, headDim / 2, 2, weight.shape[1]).transpose(1, 2).reshape(weight.shape);

    static string NameOf(string meta)
    {
        if (meta.Split('.') is not ["layers", var layer, .. var part])
            return meta switch
            {
                "tok_embeddings.weight" => "model.embed_tokens.weight",
                "output.weight" => "lm_head.weight",
                _ => $"model.{meta}",
            };
        return $"model.layers.{layer}." + string.Join('.', part) switch
        {
            "attention.wq.weight" => "self_attn.q_proj.weight",
            "attention.wk.weight" => "self_attn.k_proj.weight",
            "attention.wv.weight" => "self_attn.v_proj.weight",
            "attention.wo.weight" => "self_attn.o_proj.weight",
            "feed_forward.w1.weight" => "mlp.gate_proj.weight",
            "feed_forward.w2.weight" => "mlp.down_proj.weight",
            "feed_forward.w3.weight" => "mlp.up_proj.weight",
            "attention_norm.weight" => "input_layernorm.weight",
            "ffn_norm.weight" => "post_attention_layernorm.weight",
            var other => throw new ArgumentException($"{other} is no weight of a LLaMA's block", nameof(meta)),
        };
    }

    static Dictionary<string, object> Configuration(LlamaConfig config) => new()
    {
        ["architectures"] = (string[])["LlamaForCausalLM"],
        ["model_type"] = "llama",
        ["vocab_size"] = config.Vocabulary,
        ["hidden_size"] = config.Dim,
        ["intermediate_size"] = config.Hidden,
        ["num_hidden_layers"] = config.Layers,
        ["num_attention_heads"] = config.Heads,
        ["num_key_value_heads"] = config.KeyValueHeads,
        ["hidden_act"] = "silu",
        ["rms_norm_eps"] = config.NormEpsilon,
        ["rope_theta"] = config.RopeTheta,
        ["max_position_embeddings"] = BaseShapes.ContextTokens,
        ["tie_word_embeddings"] = config.TiedOutput,
        ["bos_token_id"] = 1,
        ["eos_token_id"] = 2,
        ["torch_dtype"] = "bfloat16",
    };
}
