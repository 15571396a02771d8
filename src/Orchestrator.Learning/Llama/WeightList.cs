namespace Orchestrator.Learning.Llama;

/// <summary>The tensors of a block, in the order of <see cref="WeightList"/>.</summary>
public enum LayerWeight
{
    /// <summary>Weight of the RMSNorm before the attention, [D].</summary>
    AttentionNorm,

    /// <summary>Projection to the queries, [H d, D].</summary>
    Wq,

    /// <summary>Projection to the keys, [Hkv d, D].</summary>
    Wk,

    /// <summary>Projection to the values, [Hkv d, D].</summary>
    Wv,

    /// <summary>Projection of the heads back to the residual stream, [D, H d].</summary>
    Wo,

    /// <summary>Weight of the RMSNorm before the feed-forward network, [D].</summary>
    FfnNorm,

    /// <summary>Projection under the SiLU, [F, D].</summary>
    W1,

    /// <summary>Projection back to the residual stream, [D, F].</summary>
    W2,

    /// <summary>Projection that the SiLU gates, [F, D].</summary>
    W3,
}

/// <summary>Every tensor of a LLaMA in a fixed order, with the names of Meta's checkpoints: the embedding, the blocks, the last norm, the output.</summary>
public sealed class WeightList
{
    const int PerLayer = 9;

    readonly (string Name, long[] Shape)[] entries;

    /// <summary>Lists the tensors of a model of these shapes.</summary>
    public WeightList(LlamaConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        long dim = config.Dim, hidden = config.Hidden, vocabulary = config.Vocabulary;
        long queryRows = (long)config.Heads * config.HeadDim, keyRows = (long)config.KeyValueHeads * config.HeadDim;
        var list = new List<(string, long[])> { ("tok_embeddings.weight", [vocabulary, dim]) };
        for (var layer = 0; layer < config.Layers; layer++)
        {
            list.Add(($"layers.{layer}.attention_norm.weight", [dim]));
            list.Add(($"layers.{layer}.attention.wq.weight", [queryRows, dim]));
            list.Add(($"layers.{layer}.attention.wk.weight", [keyRows, dim]));
            list.Add(($"layers.{layer}.attention.wv.weight", [keyRows, dim]));
            list.Add(($"layers.{layer}.attention.wo.weight", [dim, queryRows]));
            list.Add(($"layers.{layer}.ffn_norm.weight", [dim]));
            list.Add(($"layers.{layer}.feed_forward.w1.weight", [hidden, dim]));
            list.Add(($"layers.{layer}.feed_forward.w2.weight", [dim, hidden]));
            list.Add(($"layers.{layer}.feed_forward.w3.weight", [hidden, dim]));
        }
        Norm = list.Count;
        list.Add(("norm.weight", [dim]));
        if (!config.TiedOutput)
            list.Add(("output.weight", [vocabulary, dim]));
        Output = config.TiedOutput ? Embedding : Norm + 1;
        entries = [.. list];
    }

    /// <summary>Number of tensors; a tied output is none of its own.</summary>
    public int Count => entries.Length;

    /// <summary>Meta's name and the shape of a tensor.</summary>
    public (string Name, long[] Shape) this[int index] => entries[index];

    /// <summary>Index of the embedding, [V, D].</summary>
    public const int Embedding = 0;

    /// <summary>Index of the last norm's weight, [D].</summary>
    public int Norm { get; }

    /// <summary>Index of the output projection, [V, D]: the embedding's where it is tied.</summary>
    public int Output { get; }

    /// <summary>Index of a tensor of a block.</summary>
    public static int Of(int layer, LayerWeight which) => 1 + layer * PerLayer + (int)which;
}
