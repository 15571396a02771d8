using static TorchSharp.torch;

namespace Orchestrator.Learning.Llama;

/// <summary>A prompt as a layer's attention sees it: through the frozen projections, without norm and without rotation (arXiv 2303.16199, section 3.2).</summary>
/// <param name="Keys">[Hkv, K, d]</param>
/// <param name="Values">[Hkv, K, d]</param>
/// <param name="Gate">what the prompt's part is multiplied by, per head or for all: [H, 1, 1] or [1, 1, 1], wide</param>
public sealed record AttendedPrompt(Tensor Keys, Tensor Values, Tensor Gate) : IDisposable
{
    /// <summary>The same, out of any dispose scope: the caller disposes it.</summary>
    public AttendedPrompt Kept()
    {
        Keys.DetachFromDisposeScope();
        Values.DetachFromDisposeScope();
        Gate.DetachFromDisposeScope();
        return this;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Keys.Dispose();
        Values.Dispose();
        Gate.Dispose();
    }
}

/// <summary>Scaled dot-product attention with grouped queries (arXiv 2305.13245): query head h looks at key and value head <c>h / (H / Hkv)</c>.</summary>
public static class Attention
{
    /// <summary><c>softmax(q kᵀ / √d + mask) v</c>; the softmax is wide.</summary>
    /// <remarks>
    /// Plain products and not a fused kernel: as fast for segments of this length (twice as fast in bf16, whose fused backward is slow on a CPU), and on a GPU
    /// the fused kernels' backward adds in no fixed order.
    /// </remarks>
    /// <param name="q">rotated queries, [H, t, d]</param>
    /// <param name="k">rotated keys, [Hkv, c, d]</param>
    /// <param name="v">values, [Hkv, c, d]</param>
    /// <param name="mask">what is added to the scores, [t, c] of 0 and -∞, wide; null hides nothing</param>
    /// <returns>[H, t, d]</returns>
    public static Tensor Of(Tensor q, Tensor k, Tensor v, Tensor? mask)
    {
        ArgumentNullException.ThrowIfNull(q);
        ArgumentNullException.ThrowIfNull(k);
        using var scope = NewDisposeScope();
        var scores = Scores(q, k);                                                              // [H, t, c]
        if (mask is not null)
            scores.add_(mask);
        return Weighted(scores.softmax(-1).to(q.dtype), v).MoveToOuterDisposeScope();
    }

    /// <summary><c>gate ⊙ softmax(q kaᵀ / √d) va</c>: a softmax of its own, wide; every query sees every slot.</summary>
    /// <param name="q">rotated queries, [H, t, d]</param>
    /// <param name="prompt">the layer's prompt</param>
    /// <returns>what is added to the attention before wo, [H, t, d] in the type of <paramref name="q"/></returns>
    public static Tensor Prompted(Tensor q, AttendedPrompt prompt)
    {
        ArgumentNullException.ThrowIfNull(q);
        ArgumentNullException.ThrowIfNull(prompt);
        using var scope = NewDisposeScope();
        var weights = Scores(q, prompt.Keys).softmax(-1) * prompt.Gate;                         // [H, t, K]
        return Weighted(weights, prompt.Values.to(weights.dtype)).to(q.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>A mask for <see cref="Of"/>: each query sees the keys up to its own.</summary>
    /// <param name="own">which key is each query's own, [t] int64</param>
    /// <param name="keys">number of keys, c</param>
    /// <param name="wideType">type of the softmax</param>
    /// <returns>[t, c] of 0 and -∞</returns>
    public static Tensor MaskOf(Tensor own, long keys, ScalarType wideType)
    {
        ArgumentNullException.ThrowIfNull(own);
        using var scope = NewDisposeScope();
        var hidden = arange(keys, device: own.device).unsqueeze(0) > own.unsqueeze(1);
        return zeros(hidden.shape, dtype: wideType, device: own.device).masked_fill_(hidden, double.NegativeInfinity).MoveToOuterDisposeScope();
    }

    // [H, t, c], wide. The g queries that share a key head are rows of one product.
    static Tensor Scores(Tensor q, Tensor k)
    {
        var grouped = q.reshape(k.shape[0], -1, q.shape[2]);                                    // [Hkv, g t, d]
        var wideType = q.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        return matmul(grouped, k.transpose(1, 2)).view(q.shape[0], q.shape[1], -1).to(wideType).div_(Math.Sqrt(q.shape[2]));
    }

    static Tensor Weighted(Tensor weights, Tensor v) => matmul(weights.view(v.shape[0], -1, v.shape[1]), v).view(weights.shape[0], weights.shape[1], -1);
}
