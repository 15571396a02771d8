using System.Globalization;
using System.Numerics.Tensors;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Kernels;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Jobs;
using static TorchSharp.torch;

namespace Orchestrator.Benchmarks;

/// <summary>
/// The gradient of a step of 32 examples in micro-batches of eight: the fast kernels, which compute what is needed, against the reference kernels fed as the
/// original feeds its own: padded to 512, logits of every row, nothing shared.
/// </summary>
static class StepBenchmark
{
    const int Global = 32;
    const int Micro = 8;

    /// <summary>Prints the tables.</summary>
    /// <param name="options"><c>fp32</c> or <c>bf16</c> alone, <c>threads=1</c> or <c>threads=2</c> alone, <c>fast</c> without the reference, <c>small</c> for D 256 and longer answers, <c>batches=N</c> instead of five</param>
    /// <returns>1 where gradients differ or are zero, 3 where the data are missing</returns>
    public static int Run(string[] options)
    {
        var small = options.Contains("small");
        var file = small ? "alpaca_train_999.json" : "alpaca_original_1805.json";
        var batches = options.FirstOrDefault(option => option.StartsWith("batches=", StringComparison.Ordinal))?[8..] ?? "5";
        if (Workload.Examples(Global * int.Parse(batches, CultureInfo.InvariantCulture), file, shuffled: true) is not { } examples)
        {
            Console.Error.WriteLine("../shared has no tokenizer or no data");
            return 3;
        }
        var config = small ? Workload.Large with { Dim = 256, HeadDim = 32, Hidden = 688 } : Workload.Large;
        Console.WriteLine($"{Measurement.Processor()}, {Environment.ProcessorCount} processors; D {config.Dim}, {config.Layers} layers, {config.Heads} heads, F {config.Hidden}, V {config.Vocabulary:N0}; "
            + $"4 adapted layers of 10 slots; {file}, the first {examples.Count / Global} batches of seed 0");
        var right = true;
        foreach (var type in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
        {
            var name = type == ScalarType.Float32 ? "fp32" : "bf16";
            if (options.Contains(name == "fp32" ? "bf16" : "fp32"))
                continue;
            if (type == ScalarType.BFloat16 && !FastKernels.HasBf16Products)
            {
                Console.WriteLine("bf16: not measured, this processor has no instruction for it");
                continue;
            }
            foreach (var threads in (int[])[1, 2])
            {
                if (!options.Contains(threads == 1 ? "threads=2" : "threads=1"))
                    right &= Table(config, examples, type, name, threads, withReference: !options.Contains("fast"));
            }
        }
        if (right)
            return 0;
        Console.Error.WriteLine("the gradients are zero or differ");
        return 1;
    }

    static bool Table(LlamaConfig config, IReadOnlyList<Example> examples, ScalarType type, string name, int threads, bool withReference)
    {
        DeterministicTorch.EnterWorkerThread(threads);
        using var weights = Workload.Weights(config, type);
        using var fast = Workload.Replica(weights, KernelKind.Fast, threads);
        using var reference = Workload.Replica(weights);
        var (wanted, found, part) = (new float[fast.Layout.Count], new float[fast.Layout.Count], new float[fast.Layout.Count]);
        var steps = new List<(Measurement Fast, Measurement Reference, double Peak, double FastWork, double ReferenceWork, double Error)>();
        var memory = withReference ? OriginalsWay.ActivationBytes(reference, examples.Take(Micro)) : 0;
        var (bytes, rows) = (0L, 0);
        for (var step = -1; step < examples.Count / Global; step++)                   // the first one warms up
        {
            var batch = examples.Skip(Math.Max(0, step) * Global).Take(Global).OrderBy(example => example.Tokens.Length).Chunk(Micro).ToList();
            var packer = new BatchPacker();
            var before = Roofline.Best(config, type);
            Array.Clear(found);
            var fastWork = 0.0;
            var quick = Measurement.Of(() => batch.ForEach(micro =>
            {
                var packed = packer.Pack(micro, PrefixSharing.CommonPrefixes);
                fast.Backward(packed, 1, part);
                TensorPrimitives.Add(found, part, found);
                fastWork += Roofline.FastWork(config, packed, adapted: 4, slots: 10);
                rows = Math.Max(rows, packed.Rows);
            }));
            var peak = Math.Max(before, Roofline.Best(config, type));
            if (step < 0)
                continue;
            var slow = default(Measurement);
            var error = 0.0;
            if (withReference)
            {
                Array.Clear(wanted);
                slow = Measurement.Of(() => batch.ForEach(micro =>
                {
                    OriginalsWay.Backward(reference, micro, part);
                    TensorPrimitives.Add(wanted, part, wanted);
                }));
                peak = Math.Max(peak, Roofline.Best(config, type));
                error = Error(wanted, found);
            }
            else if (TensorPrimitives.MaxMagnitude<float>(found) == 0)
                error = double.PositiveInfinity;
            steps.Add((quick, slow, peak * threads, fastWork, Global * Roofline.PaddedWork(config, adapted: 4, slots: 10), error));
            bytes = fast.ActivationBytes;
        }

        // By processor time where one thread computes: what other programs disturb least. Two are timed by the clock.
        double Seconds(Measurement one) => threads == 1 ? one.Cpu : one.Wall;
        var clock = threads == 1 ? "s of processor time" : "s by the clock";
        Console.WriteLine();
        Console.WriteLine($"{name}, {threads} thread{(threads == 1 ? "" : "s")}; medians of {steps.Count} batches [least .. most]");
        Print(clock + ", fast", steps.Select(step => Seconds(step.Fast)), "F3");
        Print("  share of the roofline", steps.Select(step => 100 * step.FastWork / Seconds(step.Fast) / step.Peak), "F1", "%");
        Print("  GFLOP", steps.Select(step => step.FastWork / 1e9), "F0");
        Print("  in the kernel, s", steps.Select(step => step.Fast.System), "F3");
        Print("roofline, GFLOP/s", steps.Select(step => step.Peak / 1e9), "F0");
        Console.WriteLine(Line("activation bytes a row, fast", $"{bytes / rows:N0} ({bytes / 1048576.0:F1} MiB in all, {rows} rows)"));
        if (!withReference)
            return steps.All(step => step.Error == 0);
        Print(clock + ", reference", steps.Select(step => Seconds(step.Reference)), "F2");
        Print("  share of the roofline", steps.Select(step => 100 * step.ReferenceWork / Seconds(step.Reference) / step.Peak), "F1", "%");
        Print("  GFLOP", steps.Select(step => step.ReferenceWork / 1e9), "F0");
        Print("  in the kernel, s", steps.Select(step => step.Reference.System), "F2");
        Console.WriteLine(Line("activation bytes a row, reference", $"{memory / (Micro * OriginalsWay.Width):N0} (of {Micro * OriginalsWay.Width} padded rows)"));
        Print("times faster", steps.Select(step => Seconds(step.Reference) / Seconds(step.Fast)), "F2");
        Print("  of it, less work", steps.Select(step => step.ReferenceWork / step.FastWork), "F2");
        Print("difference of the gradients", steps.Select(step => step.Error), "E1");
        return steps.All(step => step.Error < (type == ScalarType.Float32 ? 1e-5 : 5e-2));
    }

    static void Print(string what, IEnumerable<double> values, string format, string unit = "") => Console.WriteLine(Line(what, Spread.Of(values).Text(format) + unit));

    static string Line(string what, string value) => string.Create(CultureInfo.InvariantCulture, $"  {what,-36} {value}");

    // Relative, by the largest number; infinite where there is nothing to compare.
    static double Error(float[] wanted, float[] found)
    {
        var difference = new float[wanted.Length];
        TensorPrimitives.Subtract(wanted, found, difference);
        var largest = Math.Abs(TensorPrimitives.MaxMagnitude<float>(wanted));
        return largest == 0 ? double.PositiveInfinity : Math.Abs(TensorPrimitives.MaxMagnitude<float>(difference)) / largest;
    }
}
