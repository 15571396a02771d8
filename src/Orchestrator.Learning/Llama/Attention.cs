using static TorchSharp.torch;

namespace Orchestrator.Learning.Llama;

/// <summary>A prompt as a layer's attention sees it: through the frozen projections, without norm and without rotation (arXiv 2303.16199, section 3.2).</summary>
/// <param name="Keys">[Hkv, K, d]</param>
/// <param name="Values">[Hkv, K, d]</param>
/// <param name="Gate">what the prompt's part is multiplied by, per head or for all: [H, 1, 1] or [1, 1, 1], wide</param>
public sealed record AttendedPrompt(Tensor Keys, Tensor Values, Tensor Gate);

/// <summary>Scaled dot-product attention with grouped queries (arXiv 2305.13245): query head h looks at key and value head <c>h / (H / Hkv)</c>.</summary>
public static class Attention
{
    /// <summary><c>softmax(q kᵀ / √d + mask) v</c>; the softmax is computed wide.</summary>
    /// <param name="q">rotated queries, [t, H, d]</param>
    /// <param name="k">rotated keys, [c, Hkv, d]</param>
    /// <param name="v">values, [c, Hkv, d]</param>
    /// <param name="mask">what is added to the scores, [t, c] of 0 and -∞ in the type of <paramref name="q"/>; null adds nothing</param>
    /// <param name="causal">query i sees keys 0 to i only; without a <paramref name="mask"/></param>
    /// <returns>[t, H, d]</returns>
    public static Tensor Of(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal)
    {
        using var scope = NewDisposeScope();
        var (heads, keyHeads) = (q.shape[1], k.shape[1]);
        var grouped = Grouped(q, keyHeads);                                                      // [Hkv, g, t, d]
        var out4 = nn.functional.scaled_dot_product_attention(grouped, Shared(k), Shared(v), mask, 0, causal);
        return out4.permute(2, 0, 1, 3).reshape(q.shape).MoveToOuterDisposeScope();

        // Key and value heads are shared by their group without a copy.
        Tensor Shared(Tensor x) => x.permute(1, 0, 2).unsqueeze(1).expand(keyHeads, heads / keyHeads, -1, -1);
    }

    /// <summary><c>gate ⊙ softmax(q kaᵀ / √d) va</c>: a softmax of its own, wide; every query sees every slot.</summary>
    /// <param name="q">rotated queries, [t, H, d]</param>
    /// <param name="prompt">the layer's prompt</param>
    /// <returns>what is added to the attention before wo, [t, H, d] in the type of <paramref name="q"/></returns>
    public static Tensor Prompted(Tensor q, AttendedPrompt prompt)
    {
        using var scope = NewDisposeScope();
        var (t, heads, width) = (q.shape[0], q.shape[1], q.shape[2]);
        var keyHeads = prompt.Keys.shape[0];
        var wide = prompt.Gate.dtype;
        var grouped = Grouped(q, keyHeads).reshape(keyHeads, -1, width);                         // [Hkv, g t, d]
        var scores = matmul(grouped, prompt.Keys.transpose(1, 2)).to(wide) / Math.Sqrt(width);   // [Hkv, g t, K]
        var weights = scores.softmax(-1).view(heads, t, -1) * prompt.Gate;                       // [H, t, K]
        var added = matmul(weights.view(keyHeads, -1, weights.shape[2]), prompt.Values.to(wide));
        return added.view(heads, t, width).permute(1, 0, 2).to(q.dtype).MoveToOuterDisposeScope();
    }

    static Tensor Grouped(Tensor q, long keyHeads) => q.view(q.shape[0], keyHeads, -1, q.shape[2]).permute(1, 2, 0, 3);
}
