using System.Globalization;
using System.Numerics.Tensors;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Generation;
using Orchestrator.Learning.Kernels;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;
using static TorchSharp.torch;
using Generator = Orchestrator.Learning.Generation.Generator;

namespace Orchestrator.Benchmarks;

/// <summary>Tokens per second of processor time of texts that grow side by side, against the same texts one after another, and what share of the memory's bandwidth their weights take.</summary>
static class GenerationBenchmark
{
    const int Texts = 8;

    /// <summary>Measures batches of one and of eight, in fp32, and in bf16 where the processor has it.</summary>
    public static void Run(Report report, bool quick)
    {
        if (Workload.Examples(Texts) is not { } examples)
        {
            report.NotMeasured("generation", "the records are missing");
            return;
        }
        var prompts = examples.Select(example => example.Tokens[..Math.Max(1, Array.FindIndex(example.Labels, label => label != Example.Unsupervised))]).ToList();
        DeterministicTorch.EnterWorkerThread(1);
        var bandwidth = Bandwidth();
        foreach (var type in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
        {
            var name = type == ScalarType.Float32 ? "fp32" : "bf16";
            if (type == ScalarType.BFloat16 && !FastKernels.HasBf16Products)
            {
                report.NotMeasured("generation, bf16", "this processor has no instruction for it");
                continue;
            }
            using var weights = Workload.Weights(Workload.Large, type);
            using var replica = Workload.Replica(weights);
            var generator = new Generator(replica.Model, replica.Adapter);
            var alone = new List<IReadOnlyList<int>>();
            double single = 0;
            foreach (var batch in (int[])[1, Texts])
            {
                var (rates, passes, reading) = (new List<double>(), 0.0, new List<double>());
                for (var turn = -1; turn < (quick ? 1 : 5); turn++)
                {
                    var few = new GenerationOptions { Temperature = 0, MaxNewTokens = 1 };
                    var all = few with { MaxNewTokens = quick ? 17 : 65 };
                    var texts = new List<IReadOnlyList<int>>();
                    var prompt = Measurement.Of(() => prompts.Chunk(batch).ToList().ForEach(some => generator.GenerateAll(some, few))).Cpu;
                    var growing = Measurement.Of(() => prompts.Chunk(batch).ToList().ForEach(some => texts.AddRange(generator.GenerateAll(some, all)))).Cpu - prompt;
                    var tokens = texts.Sum(text => text.Count - 1);
                    if (batch == 1)
                        alone = texts;
                    if (turn < 0)
                        continue;
                    rates.Add(tokens / growing);
                    reading.Add(prompts.Sum(one => one.Length) / prompt);
                    passes = tokens / (growing * batch);
                    if (batch > 1 && type == ScalarType.Float32 && texts.Zip(alone, (together, one) => together.SequenceEqual(one)).Count(same => same) < Texts / 2)
                        throw new InvalidDataException("texts side by side are not what they are alone");
                }
                var (rate, prompted) = (Spread.Of(rates), Spread.Of(reading));
                single = batch == 1 ? rate.Median : single;
                var share = 100 * passes * Read(Workload.Large, type == ScalarType.Float32 ? 4 : 2) / bandwidth;
                report.Add($"generation, {name}, {(batch == 1 ? "one text" : $"{batch} texts side by side")}, one thread", $"{rate.Text("F0")} tokens/s; prompts {prompted.Text("F0")} tokens/s",
                    batch == 1 ? string.Create(CultureInfo.InvariantCulture, $"memory: {bandwidth / 1e9:F1} GB/s read by one thread") : "one after another",
                    string.Create(CultureInfo.InvariantCulture, $"{share:F0} % of the bandwidth{(batch == 1 ? "" : $", {rate.Median / single:F2} × the tokens")}"));
            }
        }
    }

    // Bytes of weights that a token of all texts reads: of the embedding only a row.
    static double Read(LlamaConfig config, int size)
        => size * (config.Layers * (2.0 * config.Dim * config.HeadDim * (config.Heads + config.KeyValueHeads) + 3.0 * config.Dim * config.Hidden) + (double)config.Dim * config.Vocabulary);

    static double Bandwidth()
    {
        var memory = new float[64 << 20];
        Array.Fill(memory, 1);
        var best = double.MaxValue;
        for (var repetition = 0; repetition < 5; repetition++)
        {
            var sum = 0f;
            best = Math.Min(best, Measurement.Of(() => sum = TensorPrimitives.Sum<float>(memory)).Cpu);
            if (sum <= 0)
                throw new InvalidDataException("the sum of ones is not positive");
        }
        return sizeof(float) * (double)memory.Length / best;
    }
}
