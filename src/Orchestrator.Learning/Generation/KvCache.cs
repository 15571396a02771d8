using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Generation;

/// <summary>The rotated keys and the values of the tokens so far, per layer, so that each token goes through the model once.</summary>
public sealed class KvCache : IDisposable
{
    readonly LlamaWeights weights;
    readonly Tensor[] keys;         // per layer, [Hkv, Capacity, d]
    readonly Tensor[] values;

    /// <param name="weights">the base</param>
    /// <param name="capacity">most tokens it can hold</param>
    public KvCache(LlamaWeights weights, int capacity)
    {
        ArgumentNullException.ThrowIfNull(weights);
        this.weights = weights;
        Capacity = capacity;
        keys = [.. Enumerable.Range(0, weights.Config.Layers).Select(_ => Slots())];
        values = [.. Enumerable.Range(0, weights.Config.Layers).Select(_ => Slots())];

        Tensor Slots() => zeros(weights.Config.KeyValueHeads, capacity, weights.Config.HeadDim, dtype: weights.Type, device: weights.Device).DetachFromDisposeScope();
    }

    /// <summary>Most tokens it can hold.</summary>
    public int Capacity { get; }

    /// <summary>Tokens it holds.</summary>
    public int Length { get; private set; }

    /// <summary>The rows of tokens that come next, of which the last one's logits are wanted. One forward pass goes over them; then <see cref="Advance"/>.</summary>
    /// <remarks>Their tensors belong to the dispose scope that is open.</remarks>
    public IRows Next(ReadOnlySpan<int> tokens)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Length + tokens.Length, Capacity);
        return new NextRows(this, tokens);
    }

    /// <summary>Counts tokens whose forward pass is over.</summary>
    public void Advance(int tokens) => Length += tokens;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in keys)
            tensor.Dispose();
        foreach (var tensor in values)
            tensor.Dispose();
    }

    sealed class NextRows : IRows
    {
        readonly KvCache cache;
        readonly int count;

        public NextRows(KvCache cache, ReadOnlySpan<int> tokens)
        {
            this.cache = cache;
            count = tokens.Length;
            var device = cache.weights.Device;
            Tokens = tensor(tokens.ToArray(), device: device);
            Positions = arange(cache.Length, PositionsEnd, device: device);
            Wanted = count == 1 ? null : tensor([count - 1L], device: device);
        }

        public Tensor Tokens { get; }

        public Tensor Positions { get; }

        public int PositionsEnd => cache.Length + count;

        public Tensor? Wanted { get; }

        public Tensor Attend(int layer, Tensor q, Tensor k, Tensor v, bool wantedOnly)
        {
            using var scope = NewDisposeScope();
            cache.keys[layer].narrow(1, cache.Length, count).copy_(k);
            cache.values[layer].narrow(1, cache.Length, count).copy_(v);
            var sees = wantedOnly || count == 1 ? null : Attention.MaskOf(Positions, PositionsEnd, cache.weights.WideType);       // the last row sees everything
            return Attention.Of(q, cache.keys[layer].narrow(1, 0, PositionsEnd), cache.values[layer].narrow(1, 0, PositionsEnd), sees).MoveToOuterDisposeScope();
        }
    }
}
