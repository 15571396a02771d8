using Orchestrator.Learning.Llama;

namespace Orchestrator.Learning.Files;

/// <summary>The names and shapes of a LLaMA's weights as Meta's checkpoints have them.</summary>
public static class MetaNames
{
    /// <summary>Every weight, the embedding first, layer after layer, the output projection (absent where it is the embedding) last.</summary>
    public static IEnumerable<(string Name, long[] Shape)> Of(LlamaConfig config)
    {
        long dim = config.Dim, queries = (long)config.Heads * config.HeadDim, keys = (long)config.KeyValueHeads * config.HeadDim, hidden = config.Hidden;
        yield return (Embedding, [config.Vocabulary, dim]);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var prefix = $"layers.{layer}.";
            yield return (prefix + "attention.wq.weight", [queries, dim]);
            yield return (prefix + "attention.wk.weight", [keys, dim]);
            yield return (prefix + "attention.wv.weight", [keys, dim]);
            yield return (prefix + "attention.wo.weight", [dim, queries]);
            yield return (prefix + "feed_forward.w1.weight", [hidden, dim]);
            yield return (prefix + "feed_forward.w2.weight", [dim, hidden]);
            yield return (prefix + "feed_forward.w3.weight", [hidden, dim]);
            yield return (prefix + "attention_norm.weight", [dim]);
            yield return (prefix + "ffn_norm.weight", [dim]);
        }
        yield return ("norm.weight", [dim]);
        if (!config.TiedOutput)
            yield return (Output, [config.Vocabulary, dim]);
    }

    /// <summary>Rows of the vocabulary, [V, D].</summary>
    public const string Embedding = "tok_embeddings.weight";

    /// <summary>The output projection, [V, D].</summary>
    public const string Output = "output.weight";

    /// <summary>What the original keeps beside the base's weights: recomputed tables, and the adapter in a training checkpoint.</summary>
    internal static bool IsBeside(string name) => name == "rope.freqs" || AdapterNames.IsAdapter(name);
}
