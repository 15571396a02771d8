using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Llama;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Order;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Training;

/// <summary>Small models of random weights, a function of a seed.</summary>
static class RandomModels
{
    public static LlamaConfig Tiny { get; } = new()
    {
        Dim = 16,
        Layers = 3,
        Heads = 4,
        KeyValueHeads = 4,
        HeadDim = 4,
        Hidden = 24,
        Vocabulary = 19,
        NormEpsilon = 1e-5,
    };

    /// <summary>Queries in groups of two, the output tied to the embedding, heads wider than D / H.</summary>
    public static LlamaConfig Grouped { get; } = Tiny with { KeyValueHeads = 2, HeadDim = 6, TiedOutput = true };

    /// <summary>Nothing is a multiple of a register, the vocabulary is more than a piece, and slow pairs are scaled as Llama 3.1 has it.</summary>
    public static LlamaConfig Odd { get; } = Tiny with
    {
        Dim = 83,
        Heads = 6,
        KeyValueHeads = 3,
        HeadDim = 26,
        Hidden = 109,
        Vocabulary = 2087,
        RopeTheta = 500_000,
        RopeScaling = new RopeScaling(8, 1, 4, 64),
    };

    public static LlamaWeights Weights(LlamaConfig config, ScalarType type, long seed = 1)
    {
        var stream = 0;
        return LlamaWeights.Load(config, (name, wanted) =>
        {
            var (_, shape) = Enumerable.Range(0, new WeightList(config).Count).Select(i => new WeightList(config)[i]).First(entry => entry.Name == name);
            var values = new float[shape.Aggregate(1L, (product, side) => product * side)];
            var counter = Counter.Of(seed, 99, stream++);
            for (var i = 0; i < values.Length; i++)
                values[i] = (float)(2 * counter.Uniform(i) - 1) * (shape.Length == 1 ? 0.2f : MathF.Sqrt(3f / shape[1])) + (shape.Length == 1 ? 1 : 0);
            return tensor(values).view(shape).to(wanted);
        }, type, CPU);
    }

    /// <summary>A vector whose gates are not zero, so that everything has a gradient.</summary>
    public static float[] Vector(IAdapter method, LlamaWeights weights, long seed = 7)
    {
        var vector = new float[method.Layout.Count];
        method.Layout.Start(weights, seed, vector);
        var counter = Counter.Of(seed, 98);
        for (var i = 0; i < method.Layout.Parameters; i++)
        {
            if (method.Layout[i].Name.EndsWith("gate", StringComparison.Ordinal))
            {
                for (var j = 0; j < method.Layout.Length(i); j++)
                    vector[method.Layout.Offset(i) + j] = (float)(counter.Uniform(100 * i + j) - 0.4);
            }
        }
        return vector;
    }

    public static IAdapter Method(string name, LlamaConfig config, GateSharing gate = GateSharing.PerHead)
        => Methods.Of(new AdapterSpec { Method = name, Layers = 2, Length = 3, Gate = gate }, config);

    public static BoundAdapter Bound(IAdapter method, LlamaWeights weights, float[] vector)
    {
        using var scope = NewDisposeScope();
        var flat = tensor(vector).DetachFromDisposeScope();
        return BoundAdapter.Over(method, weights, flat, trained: true);
    }
}
