using System.Text.Json;
using Orchestrator.Learning.Files;

namespace Orchestrator.Engine.Tests;

/// <summary>A LLaMA of random weights in Hugging Face's layout.</summary>
static class RandomBase
{
    public static void Write(string folder, int vocabulary, int dim, int layers, int heads, int hidden)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), JsonSerializer.Serialize(new
        {
            model_type = "llama", hidden_size = dim, num_attention_heads = heads, num_hidden_layers = layers, intermediate_size = hidden, vocab_size = vocabulary, rms_norm_eps = 1e-6,
        }));
        var random = new Random(1);
        var tensors = new List<SafeTensor> { Matrix("model.embed_tokens", vocabulary, dim), Ones("model.norm"), Matrix("lm_head", vocabulary, dim) };
        for (var i = 0; i < layers; i++)
        {
            foreach (var name in new[] { "q", "k", "v", "o" })
                tensors.Add(Matrix($"model.layers.{i}.self_attn.{name}_proj", dim, dim));
            tensors.AddRange([
                Matrix($"model.layers.{i}.mlp.gate_proj", hidden, dim), Matrix($"model.layers.{i}.mlp.up_proj", hidden, dim), Matrix($"model.layers.{i}.mlp.down_proj", dim, hidden),
                Ones($"model.layers.{i}.input_layernorm"), Ones($"model.layers.{i}.post_attention_layernorm")]);
        }
        SafeTensors.Write(Path.Combine(folder, "model.safetensors"), tensors, new Dictionary<string, string> { ["format"] = "pt" });

        SafeTensor Matrix(string name, int rows, int columns)
        {
            var values = new float[rows * columns];
            for (var i = 0; i < values.Length; i++)
                values[i] = (float)(random.NextDouble() - 0.5) * 0.2f;
            return new SafeTensor(name + ".weight", [rows, columns], values);
        }

        SafeTensor Ones(string name) => new(name + ".weight", [dim], Enumerable.Repeat(1f, dim).ToArray());
    }
}
