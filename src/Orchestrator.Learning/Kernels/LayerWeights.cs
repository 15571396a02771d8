using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Kernels;

/// <summary>
/// A frozen projection as both passes multiply with it, without a copy. Projections of the same input are not joined into one: products of these widths are as
/// fast apart (measured: 94 to 101 GFLOP/s in fp32, joined and apart), and joined ones would have to be copies of a mapped file.
/// </summary>
/// <param name="weight">[out, in]</param>
sealed class Projection(Tensor weight) : IDisposable
{
    readonly Tensor across = weight.t().DetachFromDisposeScope();

    /// <summary><c>y = x Wᵀ</c>.</summary>
    /// <param name="x">[t, in]</param>
    /// <param name="y">[t, out]</param>
    public void Forward(Matrix x, Matrix y) => Product.Multiply(x, across, y);

    /// <summary><c>dx = dy W</c>, or added to it.</summary>
    /// <param name="dy">[t, out]</param>
    /// <param name="dx">[t, in]</param>
    /// <param name="add">whether it is added to what is in <paramref name="dx"/></param>
    public void Backward(Matrix dy, Matrix dx, bool add = false) => Product.Multiply(dy, weight, dx, add);

    /// <inheritdoc/>
    public void Dispose() => across.Dispose();
}

/// <summary>The weights of a block as the kernels use them.</summary>
sealed unsafe class LayerWeights : IDisposable
{
    /// <param name="weights">the frozen base</param>
    /// <param name="layer">which block</param>
    public LayerWeights(LlamaWeights weights, int layer)
    {
        Projection Of(LayerWeight which) => new(weights[WeightList.Of(layer, which)]);
        (Wq, Wk, Wv, Wo) = (Of(LayerWeight.Wq), Of(LayerWeight.Wk), Of(LayerWeight.Wv), Of(LayerWeight.Wo));
        (W1, W2, W3) = (Of(LayerWeight.W1), Of(LayerWeight.W2), Of(LayerWeight.W3));
        AttentionNorm = Start(weights[WeightList.Of(layer, LayerWeight.AttentionNorm)]);
        FfnNorm = Start(weights[WeightList.Of(layer, LayerWeight.FfnNorm)]);
    }

    public Projection Wq { get; }

    public Projection Wk { get; }

    public Projection Wv { get; }

    public Projection Wo { get; }

    public Projection W1 { get; }

    public Projection W2 { get; }

    public Projection W3 { get; }

    public float* AttentionNorm { get; }

    public float* FfnNorm { get; }

    /// <summary>The first number of a norm's weight, which stays where it is as long as the base.</summary>
    public static float* Start(Tensor norm) => (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(norm.bytes));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var projection in (ReadOnlySpan<Projection>)[Wq, Wk, Wv, Wo, W1, W2, W3])
            projection.Dispose();
    }
}
