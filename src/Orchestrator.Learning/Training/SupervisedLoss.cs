using System.Runtime.InteropServices;
using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Training;

/// <summary>Cross-entropy where a token is supervised.</summary>
public static class SupervisedLoss
{
    /// <summary>The sum over tokens of <c>-log softmax(logits)[label]</c>; tokens in the logits' type, their sum in fp64.</summary>
    /// <param name="logits">[supervised, V], wide</param>
    /// <param name="labels">the tokens that should come next, [supervised]</param>
    /// <returns>a scalar, fp64</returns>
    public static Tensor Sum(Tensor logits, ReadOnlySpan<int> labels)
    {
        using var scope = NewDisposeScope();
        var targets = empty(labels.Length, dtype: ScalarType.Int64);
        var numbers = MemoryMarshal.Cast<byte, long>(targets.bytes);
        for (var i = 0; i < labels.Length; i++)
            numbers[i] = labels[i];
        return LlamaScript.Call("token_losses", logits, targets).MoveToOuterDisposeScope();
    }
}
