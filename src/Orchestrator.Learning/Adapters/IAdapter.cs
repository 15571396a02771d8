using Orchestrator.Protocol;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Adapters;

/// <summary>The prompt that a layer's attention looks at beside the tokens (arXiv 2303.16199).</summary>
/// <param name="Slots">[K, D], wide</param>
/// <param name="Gate">what the prompt's part of each head's output is multiplied by, [H, 1, 1], or [1, 1, 1] for all heads, wide</param>
public readonly record struct Prompt(Tensor Slots, Tensor Gate);

/// <summary>
/// A method: what it trains, the points of the forward pass where it acts, and its file format. It holds no state; its parameters come as tensors in the
/// layout's order. A point that a method does not need keeps its default. It never rewrites the base, which other jobs share.
/// </summary>
public interface IAdapter
{
    /// <summary>What it trains.</summary>
    ParameterLayout Layout { get; }

    /// <summary>The lowest layer where it acts: below, nothing needs a gradient. 0 includes the embedding.</summary>
    int LowestTrainedLayer { get; }

    /// <summary>Point: the prompt of a layer, or null. Tensors it makes belong to the open dispose scope.</summary>
    /// <param name="layer">the layer, from 0</param>
    /// <param name="parameters">in the layout's order</param>
    Prompt? Prompt(int layer, IReadOnlyList<Tensor> parameters) => null;

    /// <summary>Point: the tensor that stands in for a frozen one, of the same shape and type.</summary>
    /// <param name="index">which one, in the order of <see cref="Llama.WeightList"/></param>
    /// <param name="frozen">the base's</param>
    /// <param name="parameters">in the layout's order</param>
    Tensor Weight(int index, Tensor frozen, IReadOnlyList<Tensor> parameters) => frozen;

    /// <summary>The method for kernels whose backward pass is written out; null where it acts in other ways than by prompts: autograd finds its gradient.</summary>
    IPromptGradient? PromptGradient => null;

    /// <summary>Sizes that the file says beside its tensors, so that whoever reads it need not guess.</summary>
    IReadOnlyDictionary<string, string> FileSizes => new Dictionary<string, string>();

    /// <summary>The vector as the named tensors of the method's file.</summary>
    /// <param name="vector">[<see cref="ParameterLayout.Count"/>]</param>
    IEnumerable<(string Name, long[] Shape, ReadOnlyMemory<float> Values)> ToFile(ReadOnlyMemory<float> vector);

    /// <summary>The vector from the named tensors of a file; tensors that are not the method's are ignored.</summary>
    /// <param name="tensors">by name, of any floating type, on the CPU</param>
    /// <param name="place">what problems are said of: the file</param>
    /// <returns>[<see cref="ParameterLayout.Count"/>]</returns>
    /// <exception cref="ProblemException">tensors are missing or have other shapes; all of them are named</exception>
    float[] FromFile(IReadOnlyDictionary<string, Tensor> tensors, string place);
}
