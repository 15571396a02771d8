using static TorchSharp.torch;

namespace Orchestrator.Learning.Llama;

/// <summary>Root mean square normalisation (arXiv 1910.07467).</summary>
public static class RmsNorm
{
    /// <summary><c>x / sqrt(mean(x²) + ε) ⊙ w</c>, computed in the wide type that both come in.</summary>
    /// <param name="x">[rows, D]</param>
    /// <param name="weight">[D]</param>
    /// <param name="epsilon">added to the mean square</param>
    /// <returns>[rows, D]</returns>
    public static Tensor Of(Tensor x, Tensor weight, double epsilon)
    {
        using var scope = NewDisposeScope();
        var scale = x.square().mean([-1], keepdim: true).add_(epsilon).rsqrt_();        // [rows, 1]
        return (x * scale * weight).MoveToOuterDisposeScope();
    }
}
