using System.Globalization;
using System.Numerics.Tensors;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Training;

namespace Orchestrator.Benchmarks;

/// <summary>What packing saves: the same examples, the same code, the same gradient, in packed rows and in rows padded to 512.</summary>
static class PaddingBenchmark
{
    const int Width = 512;
    const int Repetitions = 5;
    const double ErrorMax = 1e-5;

    /// <summary>Prints the table.</summary>
    /// <returns>1 where gradients differ or are zero, 3 where the data are missing</returns>
    public static int Run()
    {
        if (Workload.Examples(8) is not { } examples)
        {
            Console.Error.WriteLine("../shared has no tokenizer or no data");
            return 3;
        }
        DeterministicTorch.EnterWorkerThread(1);
        using var weights = Workload.Weights(Workload.Large);
        using var replica = Workload.Replica(weights);
        (string Name, MicroBatch Batch)[] layouts =
        [
            ("packed, shared beginning", new BatchPacker().Pack(examples, PrefixSharing.CommonPrefixes)),
            ("packed", new BatchPacker().Pack(examples, PrefixSharing.None)),
            ($"padded to {Width}", Padded(examples)),
        ];
        var gradients = layouts.Select(_ => new float[replica.Layout.Count]).ToArray();
        var took = layouts.Select(_ => new List<Measurement>()).ToArray();
        for (var repetition = -1; repetition < Repetitions; repetition++)         // the first one warms up; all take turns, so that a busy moment hits all
        {
            for (var i = 0; i < layouts.Length; i++)
            {
                var measured = Measurement.Of(() => replica.Backward(layouts[i].Batch, 1, gradients[i]));
                if (repetition >= 0)
                    took[i].Add(measured);
            }
        }

        var tokens = examples.Sum(example => example.Tokens.Length);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Measurement.Processor()}, one thread, fp32; {examples.Count} examples of {tokens} tokens, {layouts[0].Batch.Supervised} supervised; medians of {Repetitions} [least .. most]"));
        Console.WriteLine($"{"",-26} {"rows",6}  {"real tokens/s",-24} {"s of processor time",-24} {"in the kernel",-14} {"times padded's",-16} difference of gradients");
        var padded = Spread.Of(took[^1].Select(one => one.Cpu)).Median;
        var agree = true;
        for (var i = 0; i < layouts.Length; i++)
        {
            var error = Error(gradients[^1], gradients[i]);
            agree &= error <= ErrorMax;
            Console.WriteLine($"{layouts[i].Name,-26} {layouts[i].Batch.Rows,6}  {Spread.Of(took[i].Select(one => tokens / one.Cpu)).Text("F0"),-24} {Spread.Of(took[i].Select(one => one.Cpu)).Text("F3"),-24} "
                + string.Create(CultureInfo.InvariantCulture, $"{Spread.Of(took[i].Select(one => one.System)).Median,-14:F3} {padded / Spread.Of(took[i].Select(one => one.Cpu)).Median,-16:F2} {error:g2}"));
        }
        if (agree)
            return 0;
        Console.Error.WriteLine($"the gradients are zero or differ by more than {ErrorMax}");
        return 1;
    }

    // Each example a segment of Width rows; those after its own are computed and teach nothing.
    static MicroBatch Padded(IReadOnlyList<Example> examples)
    {
        var tokens = new int[examples.Count * Width];
        List<int> rows = [], labels = [];
        for (var e = 0; e < examples.Count; e++)
        {
            var example = examples[e];
            example.Tokens.CopyTo(tokens, e * Width);
            for (var t = 1; t < example.Tokens.Length; t++)
            {
                if (example.Labels[t] == Example.Unsupervised)
                    continue;
                rows.Add(e * Width + t - 1);
                labels.Add(example.Labels[t]);
            }
        }
        return new MicroBatch
        {
            Tokens = tokens,
            Positions = (int[])[.. Enumerable.Range(0, tokens.Length).Select(row => row % Width)],
            Segments = (Segment[])[.. Enumerable.Range(0, examples.Count).Select(e => new Segment(e * Width, Width, -1))],
            SupervisedRows = (int[])[.. rows],
            Labels = (int[])[.. labels],
            Examples = examples.Count,
        };
    }

    // Relative, by the largest number; infinite where there is nothing to compare.
    static double Error(float[] wanted, float[] found)
    {
        var difference = new float[wanted.Length];
        TensorPrimitives.Subtract(wanted, found, difference);
        var largest = TensorPrimitives.MaxMagnitude<float>(wanted);
        return largest == 0 ? double.PositiveInfinity : Math.Abs(TensorPrimitives.MaxMagnitude<float>(difference) / largest);
    }
}
