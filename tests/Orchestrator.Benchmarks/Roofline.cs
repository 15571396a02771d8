using System.Diagnostics;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Benchmarks;

/// <summary>What the machine's products reach, and how much work a step is. Work counts multiplications and additions of products, attention's among them.</summary>
static class Roofline
{
    /// <summary>The best rate of one thread's square products of the layers' sizes, in FLOP/s.</summary>
    public static double Best(LlamaConfig config, ScalarType type)
    {
        var threads = get_num_threads();
        set_num_threads(1);
        var best = 0.0;
        foreach (var side in (int[])[config.Dim, config.Hidden])
        {
            using var a = randn(side, side).to(type);
            using var b = randn(side, side).to(type);
            using var c = zeros(side, side, dtype: type);
            for (var repetition = 0; repetition < 6; repetition++)
            {
                var start = Stopwatch.GetTimestamp();
                c.addmm_(a, b, 0, 1);
                best = Math.Max(best, 2.0 * side * side * side / Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
        }
        set_num_threads(threads);
        return best;
    }

    /// <summary>FLOPs of a packed micro-batch, forward and backward, where nothing is computed that nobody needs.</summary>
    public static double FastWork(LlamaConfig config, MicroBatch batch, int adapted, int slots)
    {
        var (all, supervised) = (Seen(batch, supervised: false), Seen(batch, supervised: true));
        return Work(config, adapted, slots, batch.Rows, batch.Supervised, all, supervised);
    }

    /// <summary>FLOPs of an example padded to 512 rows, with the logits of all of them.</summary>
    public static double PaddedWork(LlamaConfig config, int adapted, int slots)
        => Work(config, adapted, slots, OriginalsWay.Width, OriginalsWay.Width, OriginalsWay.Width * OriginalsWay.Width, OriginalsWay.Width * OriginalsWay.Width);

    static double Work(LlamaConfig config, int adapted, int slots, double rows, double top, double seen, double seenTop)
    {
        double dim = config.Dim, queries = config.Heads * config.HeadDim, keys = config.KeyValueHeads * config.HeadDim, inner = 3.0 * dim * config.Hidden;
        var work = 4 * top * dim * config.Vocabulary;                                                // logits, and back
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var (its, looks) = layer == config.Layers - 1 ? (top, seenTop) : (rows, seen);
            var forward = 2 * (its * (2 * dim * queries + inner) + rows * 2 * dim * keys);
            var lowest = config.Layers - adapted;
            work += forward + 4 * queries * looks;
            if (layer < lowest)
                continue;
            work += 4 * queries * slots * its + (layer == lowest ? 8 * queries * slots * its + 2 * its * (dim * queries + inner) : forward + 10 * queries * (looks + slots * its));
        }
        return work;
    }

    static double Seen(MicroBatch batch, bool supervised)
    {
        var segments = batch.Segments.Span;
        var before = new int[segments.Length];
        var seen = 0.0;
        for (var s = 0; s < segments.Length; s++)
        {
            var (start, length, parent) = segments[s];
            before[s] = parent < 0 ? 0 : before[parent] + segments[parent].Length;
            for (var row = start; row < start + length; row++)
                seen += !supervised || batch.SupervisedRows.Span.BinarySearch(row) >= 0 ? before[s] + row - start + 1 : 0;
        }
        return seen;
    }
}
