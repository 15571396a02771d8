using System.Text.Json;
using Orchestrator.Harness;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Order;
using static TorchSharp.torch;

namespace Orchestrator.Benchmarks;

/// <summary>Models of random weights and real examples, all of it a function of fixed seeds.</summary>
static class Workload
{
    /// <summary>Sixty million weights: large enough that products are most of the work.</summary>
    public static LlamaConfig Large { get; } = new()
    {
        Dim = 512,
        Layers = 6,
        Heads = 8,
        KeyValueHeads = 8,
        HeadDim = 64,
        Hidden = 1376,
        Vocabulary = 32_000,
        NormEpsilon = 1e-5,
    };

    /// <summary>A demonstration's size: what surrounds the products counts as much as they do.</summary>
    public static LlamaConfig Small { get; } = Large with { Dim = 128, Layers = 4, Heads = 4, KeyValueHeads = 4, HeadDim = 32, Hidden = 344, Vocabulary = 1_100 };

    /// <summary>Random weights, as a fresh model has them.</summary>
    public static LlamaWeights Weights(LlamaConfig config, ScalarType type = ScalarType.Float32)
    {
        var list = new WeightList(config);
        var index = 0;
        return LlamaWeights.Load(config, (_, wanted) =>
        {
            var (_, shape) = list[index];
            var counter = Counter.Of(seed: 1, 99, index++);
            var values = new float[shape.Aggregate(1L, (product, side) => product * side)];
            var size = shape.Length == 1 ? 0.2f : MathF.Sqrt(3f / shape[1]);
            for (var i = 0; i < values.Length; i++)
                values[i] = (float)(2 * counter.Uniform(i) - 1) * size + (shape.Length == 1 ? 1 : 0);
            return tensor(values).view(shape).to(wanted);
        }, type, CPU);
    }

    /// <summary>Ten prompt slots in each of the last four layers, with gates that are open, so that everything has a gradient.</summary>
    public static Replica Replica(LlamaWeights weights, KernelKind kernels = KernelKind.Reference, int threads = 1)
    {
        var method = Methods.Of(new AdapterSpec { Layers = 4, Length = 10 }, weights.Config);
        var replica = new Replica(weights, method, new TrainingSpec { Seed = 1 }, kernels, threads);
        var state = new ReplicaState(method.Layout.Count);
        replica.Export(state);
        for (var i = 0; i < method.Layout.Parameters; i++)
        {
            if (method.Layout[i].Name.EndsWith("gate", StringComparison.Ordinal))
                state.Parameters.AsSpan(method.Layout.Offset(i), method.Layout.Length(i)).Fill(0.3f);
        }
        replica.Import(state);
        return replica;
    }

    /// <summary>Records of Alpaca with LLaMA's own tokens, or null where they are missing.</summary>
    /// <param name="count">how many</param>
    /// <param name="file">where they are</param>
    /// <param name="shuffled">whether they are those that a job with seed 0 begins its first epoch with, or the file's first</param>
    public static IReadOnlyList<Example>? Examples(int count, string file = "alpaca_original_1805.json", bool shuffled = false)
    {
        if (Shared.Find("tokenizers/llama-32k/tokenizer.model") is not { } model || Shared.Find($"data/{file}") is not { } data)
            return null;
        var tokenizer = Tokenizer.Open(model);
        using var stream = File.OpenRead(data);
        var records = JsonSerializer.Deserialize<List<AlpacaRecord>>(stream, JsonSerializerOptions.Web)!;
        var order = new Permutation(records.Count, Counter.Of(seed: 0, Streams.Order, 0));
        return [.. Enumerable.Range(0, count).Select(i => records[shuffled ? order[i] : i]).Select(record => Example.Of(record, tokenizer, PromptTemplate.Alpaca, maxSequenceLength: 512))];
    }

    /// <summary>The examples with token numbers of a smaller vocabulary.</summary>
    public static IReadOnlyList<Example> Folded(IReadOnlyList<Example> examples, int vocabulary)
        => [.. examples.Select(example => new Example([.. example.Tokens.Select(token => token % vocabulary)],
            [.. example.Labels.Select(label => label == Example.Unsupervised ? label : label % vocabulary)]))];
}
