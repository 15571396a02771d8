using System.Diagnostics;
using System.Globalization;
using Orchestrator.Engine.Resident;
using Orchestrator.Engine.Tests;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Benchmarks;

/// <summary>How long a base of a gigabyte takes until a first step is done, beyond the step itself, against reading the file once. The file is in the system's cache.</summary>
static class OpeningBenchmark
{
    const int Chunk = 1 << 20;      // bytes

    /// <summary>Makes the base in a temporary folder and measures.</summary>
    public static void Run(Report report, bool quick)
    {
        using var folder = new TemporaryFolder();
        RandomBase.Write(folder.Path, vocabulary: 32_000, dim: 1024, layers: 16, heads: 16, hidden: 2816);
        GC.Collect();      // what the base was made in
        var file = Path.Combine(folder.Path, "model.safetensors");
        var example = new Example([1, .. Enumerable.Range(0, 7).Select(i => 100 + 7 * i)], [.. Enumerable.Repeat(Example.Unsupervised, 5), .. Enumerable.Range(4, 3).Select(i => 100 + 7 * i)]);      // short: the step is not to hide the opening
        DeterministicTorch.EnterWorkerThread(1);
        var batch = new BatchPacker().Pack([example], PrefixSharing.None);
        var (opens, reads, again, mapped, processor) = (new List<double>(), new List<double>(), new List<double>(), new List<double>(), new List<double>());
        for (var turn = -1; turn < (quick ? 1 : 5); turn++)
        {
            var read = Measurement.Of(() => Sequential(file));
            using var bases = new ResidentBases();
            var (start, cpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            using var lease = bases.Acquire(folder.Path, Precision.Fp32, "cpu");
            using var replica = Workload.Replica(lease.Weights, KernelKind.Fast);
            var ready = Stopwatch.GetElapsedTime(start).TotalSeconds;
            var gradient = new float[replica.Layout.Count];
            replica.Backward(batch, 1, gradient);
            var (first, firstCpu) = (Stopwatch.GetElapsedTime(start).TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds);
            if (gradient.All(value => value == 0))
                throw new InvalidDataException("the gradient is zero");
            var steps = Enumerable.Range(0, 5).Select(_ => Measurement.Of(() => replica.Backward(batch, 1, gradient))).ToList();
            var secondJob = Stopwatch.GetTimestamp();
            using (var second = bases.Acquire(folder.Path, Precision.Fp32, "cpu"))
            using (Workload.Replica(second.Weights, KernelKind.Fast))
                again.Add(Stopwatch.GetElapsedTime(secondJob).TotalSeconds);
            if (turn < 0)
                continue;
            opens.Add(first - Spread.Of(steps.Select(step => step.Wall)).Median);
            processor.Add((firstCpu - Spread.Of(steps.Select(step => step.Cpu)).Median) / read.Cpu);
            mapped.Add(ready);
            reads.Add(read.Wall);
        }
        var (open, sequential) = (Spread.Of(opens), Spread.Of(reads));
        var ratio = open.Median / sequential.Median;
        report.Add(string.Create(CultureInfo.InvariantCulture, $"a base of {new FileInfo(file).Length / 1e9:F2} GB, in the system's cache: opened, and a first step without what a later step takes"),
            $"{open.Text("F3")} s, until it is open {Spread.Of(mapped).Text("F3")} s; a second job on it {Spread.Of(again).Text("F3")} s", $"one sequential read of the file: {sequential.Text("F3")} s", string.Create(CultureInfo.InvariantCulture, $"{ratio:0.##} ×; by processor time {Spread.Of(processor).Text("F1")} ×"), "≤ 1.5", ratio <= 1.5);
    }

    static void Sequential(string path)
    {
        var buffer = new byte[Chunk];
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        while (stream.Read(buffer) > 0)
        {
        }
    }
}
