using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.World.Bases;

/// <summary>A LLaMA before it has seen any text.</summary>
public static class StartWeights
{
    const double EmbeddingScale = 0.02;

    /// <summary>
    /// Norms 1; embedding and output normal with 0.02; matrices normal with 1/√(their inputs), those that write to the residual stream with half of it.
    /// Each tensor is a function of the seed and its place in the list.
    /// </summary>
    public static LlamaWeights Of(LlamaConfig config, long seed)
    {
        var list = new WeightList(config);
        var indices = Enumerable.Range(0, list.Count).ToDictionary(i => list[i].Name);
        return LlamaWeights.Load(config, (name, type) => Start(list, indices[name], seed).to(type), ScalarType.Float32, CPU);
    }

    static Tensor Start(WeightList list, int index, long seed)
    {
        var (name, shape) = list[index];
        if (shape.Length == 1)
            return ones(shape);
        var scale = index == WeightList.Embedding || index == list.Output ? EmbeddingScale : 1 / Math.Sqrt(shape[1]);
        if (name.EndsWith("wo.weight", StringComparison.Ordinal) || name.EndsWith("w2.weight", StringComparison.Ordinal))
            scale /= 2;
        var dice = new Dice(seed, Use.Weights, index);
        var values = new float[shape[0] * shape[1]];
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)(scale * dice.Normal());
        return tensor(values, shape);
    }
}
