using Orchestrator.Learning.Data;
using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Generation;

/// <summary>The rotated keys and the values of some texts so far, per layer, so that each token goes through the model once.</summary>
public sealed class KvCache : IDisposable
{
    readonly Tensor[] slots;        // keys and values of each layer, [texts, Hkv, Capacity, d]
    int[] lengths;
    int[] coming = [];

    /// <param name="weights">the base</param>
    /// <param name="capacity">most tokens of a text that it can hold</param>
    /// <param name="texts">how many texts there are</param>
    public KvCache(LlamaWeights weights, int capacity, int texts = 1)
    {
        ArgumentNullException.ThrowIfNull(weights);
        Capacity = capacity;
        lengths = new int[texts];
        slots = [.. Enumerable.Range(0, 2 * weights.Config.Layers)
            .Select(_ => zeros(texts, weights.Config.KeyValueHeads, capacity, weights.Config.HeadDim, dtype: weights.Type, device: weights.Device).DetachFromDisposeScope())];
    }

    /// <summary>Most tokens of a text that it can hold.</summary>
    public int Capacity { get; }

    /// <summary>Tokens that it holds of each text.</summary>
    public IReadOnlyList<int> Lengths => lengths;

    /// <summary>The rows of tokens that come next, of which each text's last one's logits are wanted. One forward pass goes over them; then <see cref="Advance"/>.</summary>
    /// <param name="tokens">of each text, at least one token</param>
    /// <remarks>Their tensor belongs to the dispose scope that is open.</remarks>
    public Rows Next(params ReadOnlySpan<int[]> tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(tokens.Length, lengths.Length);
        coming = new int[tokens.Length];
        var (segments, wanted) = (new Segment[tokens.Length], new int[tokens.Length]);
        var (all, positions) = (new List<int>(), new List<int>());
        for (var text = 0; text < tokens.Length; text++)
        {
            var its = tokens[text];
            ArgumentOutOfRangeException.ThrowIfZero(its.Length);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(lengths[text] + its.Length, Capacity);
            segments[text] = new Segment(all.Count, its.Length, Parent: -1);
            all.AddRange(its);
            positions.AddRange(Enumerable.Range(lengths[text], its.Length));
            wanted[text] = all.Count - 1;
            coming[text] = its.Length;
        }
        return new Rows(all.ToArray(), positions.ToArray(), segments, wanted, lengths) { Cache = slots };
    }

    /// <summary>Counts the tokens that <see cref="Next"/> was asked for: their forward pass is over.</summary>
    public void Advance()
    {
        for (var text = 0; text < coming.Length; text++)
            lengths[text] += coming[text];
        coming = [];
    }

    /// <summary>Forgets all texts but these, which move up in this order.</summary>
    public void Keep(IReadOnlyList<int> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        using var scope = NewDisposeScope();
        var kept = tensor(texts.Select(text => (long)text).ToArray(), device: slots[0].device);
        for (var i = 0; i < slots.Length; i++)
        {
            var fewer = slots[i].index_select(0, kept).DetachFromDisposeScope();
            slots[i].Dispose();
            slots[i] = fewer;
        }
        lengths = [.. texts.Select(text => lengths[text])];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in slots)
            tensor.Dispose();
    }
}
