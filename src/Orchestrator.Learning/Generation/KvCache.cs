using Orchestrator.Learning.Data;
using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Generation;

/// <summary>The rotated keys and the values of the tokens so far, per layer, so that each token goes through the model once.</summary>
public sealed class KvCache : IDisposable
{
    readonly Tensor[] slots;        // keys and values of each layer, [Hkv, Capacity, d]

    /// <param name="weights">the base</param>
    /// <param name="capacity">most tokens it can hold</param>
    public KvCache(LlamaWeights weights, int capacity)
    {
        ArgumentNullException.ThrowIfNull(weights);
        Capacity = capacity;
        slots = [.. Enumerable.Range(0, 2 * weights.Config.Layers)
            .Select(_ => zeros(weights.Config.KeyValueHeads, capacity, weights.Config.HeadDim, dtype: weights.Type, device: weights.Device).DetachFromDisposeScope())];
    }

    /// <summary>Most tokens it can hold.</summary>
    public int Capacity { get; }

    /// <summary>Tokens it holds.</summary>
    public int Length { get; private set; }

    /// <summary>The rows of tokens that come next, of which the last one's logits are wanted. One forward pass goes over them; then <see cref="Advance"/>.</summary>
    /// <remarks>Their tensor belongs to the dispose scope that is open.</remarks>
    public Rows Next(ReadOnlySpan<int> tokens)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Length + tokens.Length, Capacity);
        var positions = new int[tokens.Length];
        for (var i = 0; i < positions.Length; i++)
            positions[i] = Length + i;
        return new Rows(tokens, positions, [new Segment(0, tokens.Length, Parent: -1)], [tokens.Length - 1]) { Past = Length, Cache = slots };
    }

    /// <summary>Counts tokens whose forward pass is over.</summary>
    public void Advance(int tokens) => Length += tokens;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in slots)
            tensor.Dispose();
    }
}
