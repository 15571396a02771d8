using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Orchestrator.Engine;

namespace Orchestrator.Grains.Jobs;

/// <summary>What this activation has seen of the job's speed.</summary>
/// <param name="Seconds">from the first step on</param>
/// <param name="Tokens">tokens of the steps in that time</param>
/// <param name="Supervised">supervised tokens of the steps in that time</param>
/// <param name="ActivationBytes">the most that a reporting worker's kernels held for activations</param>
readonly record struct SpeedTotals(double Seconds, long Tokens, long Supervised, long ActivationBytes);

/// <summary><c>metrics.jsonl</c>: times and rates, one line per step as it was first reported. It differs from run to run and is no part of the result.</summary>
sealed class MetricsFile : IDisposable
{
    const int RecentSteps = 20;

    readonly SafeFileHandle file;
    readonly Queue<(double Seconds, long Tokens)> recent = new();

    MetricsFile(SafeFileHandle file) => this.file = file;

    /// <summary>What was seen since it was opened.</summary>
    public SpeedTotals Totals { get; private set; }

    /// <summary>Tokens per second over the last steps; 0 before the first.</summary>
    public double TokensPerSecond => recent.Sum(step => step.Seconds) is > 0 and var seconds ? recent.Sum(step => step.Tokens) / seconds : 0;

    /// <summary>Mean seconds of the last steps; 0 before the first.</summary>
    public double SecondsPerStep => recent.Count > 0 ? recent.Average(step => step.Seconds) : 0;

    public static MetricsFile Open(RunFolder run)
        => new(File.OpenHandle(run.Metrics, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete));

    public void Append(StepReport report, int workers)
    {
        var (line, seconds) = (report.Line, report.StepSeconds);
        Totals = new SpeedTotals(Totals.Seconds + seconds, Totals.Tokens + line.Tokens, Totals.Supervised + line.Supervised, Math.Max(Totals.ActivationBytes, report.ActivationBytes));
        recent.Enqueue((seconds, line.Tokens));
        if (recent.Count > RecentSteps)
            recent.Dequeue();
        var text = JsonSerializer.SerializeToUtf8Bytes(new MetricsLine(line.Step, line.Loss, line.LearningRate, line.GradientNorm, seconds, report.ComputeSeconds, report.ReduceSeconds,
            seconds > 0 ? line.Tokens / seconds : 0, workers, report.Gates), GrainsSetup.Json);
        RandomAccess.Write(file, [.. text, (byte)'\n'], RandomAccess.GetLength(file));
    }

    public void Dispose() => file.Dispose();
}

/// <summary>A line of <c>metrics.jsonl</c>.</summary>
/// <param name="Step">the step</param>
/// <param name="Loss">its mean training loss</param>
/// <param name="LearningRate">its learning rate</param>
/// <param name="GradientNorm">its gradient's L2 norm</param>
/// <param name="Seconds">from the commit before to its commit</param>
/// <param name="ComputeSeconds">the reporting worker's forward and backward passes</param>
/// <param name="ReduceSeconds">the reporting worker's wait for the sum</param>
/// <param name="TokensPerSecond">tokens of its samples per second</param>
/// <param name="Workers">members of the generation</param>
/// <param name="Gates">tanh of the gates, [layer][gate], at some steps</param>
public sealed record MetricsLine(
    long Step, double Loss, double LearningRate, double GradientNorm, double Seconds, double ComputeSeconds, double ReduceSeconds, double TokensPerSecond, int Workers, float[][]? Gates);
