using System.Globalization;
using System.Text.Json;
using Orchestrator.Cli.Report;
using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Grains;
using Orchestrator.Grains.Jobs;

namespace Orchestrator.Cli;

/// <summary>Makes a run's page from its files.</summary>
static class RunReportFile
{
    const int DigestDigits = 16;

    /// <summary>Writes <c>report.html</c>.</summary>
    /// <param name="run">the run's folder</param>
    /// <param name="summary">its <c>run.json</c></param>
    /// <param name="answers">answers before and after; null takes those of the evaluations</param>
    public static void Write(RunFolder run, RunSummary summary, IReadOnlyList<ReportAnswer>? answers = null)
    {
        // A run that was resumed has measured some steps twice: the last time counts.
        var steps = new SortedDictionary<long, MetricsLine>();
        foreach (var line in File.ReadLines(run.Metrics))
        {
            if (Parse(line) is { } step)
                steps[step.Step] = step;
        }
        ReportPage.Write(run.Report, new RunReport
        {
            Job = summary.Job,
            Summary = Sentence(summary),
            Steps = [.. steps.Values.Select(step => new ReportStep(step.Step, step.Loss, step.LearningRate, step.TokensPerSecond))],
            Evaluations = [.. summary.Evaluations.Where(one => one.Tokens > 0).Select(one => new ReportEvaluation(one.Step.Number, one.Loss, one.Asked > 0 ? (double)one.Exact / one.Asked : null))],
            Gates = Gates(steps.Values.LastOrDefault(step => step.Gates is not null)?.Gates, summary),
            Answers = answers ?? AnswersOf(summary.Evaluations),
            Facts = [.. Facts(summary)],
        });
    }

    static MetricsLine? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<MetricsLine>(line, GrainsSetup.Json);
        }
        catch (JsonException)
        {
            return null;      // half a line, from a crash
        }
    }

    static string Sentence(RunSummary summary)
        => string.Create(CultureInfo.InvariantCulture, $"{summary.Spec.Adapter.Method}, {summary.Parameters:N0} trained numbers, {summary.TrainingRecords:N0} records, step {summary.Step} of {summary.Steps}: {summary.State}");

    static List<ReportGates> Gates(float[][]? gates, RunSummary summary)
    {
        if (gates is null)
            return [];
        var first = FirstAdapted(gates.Length, summary);
        return [.. gates.Select((heads, i) => new ReportGates(first + i, [.. heads.Select(gate => (double)gate)]))];
    }

    static int FirstAdapted(int adapted, RunSummary summary)
    {
        using var folder = Learning.Files.ModelFolder.Open(summary.Spec.Model.Path);
        return folder.Config.Layers - adapted;
    }

    static List<ReportAnswer> AnswersOf(IReadOnlyList<EvaluationResult> evaluations)
    {
        if (evaluations.Count == 0)
            return [];
        var before = evaluations[0].Step.Number == 0 ? evaluations[0].Answers : [];
        return [.. evaluations[^1].Answers.Select((after, i) => new ReportAnswer(after.Instruction, after.Input, after.Expected,
            i < before.Count && before[i].Instruction == after.Instruction && before[i].Input == after.Input ? before[i].Given : null, after.Given))];
    }

    static IEnumerable<(string, string)> Facts(RunSummary summary)
    {
        yield return ("adapter", summary.AdapterSha256.Length > 0 ? "SHA-256 " + summary.AdapterSha256 : "not finished");
        yield return ("base", $"{summary.Spec.Model.Path}, {summary.Digests.Base[..DigestDigits]}…");
        yield return ("data", $"{summary.Spec.Data.Path}, {summary.Digests.Data[..DigestDigits]}…");
        yield return ("device", summary.Kind);
        yield return ("workers", summary.Workers.ToString(CultureInfo.InvariantCulture));
        yield return ("tokens per second", summary.TokensPerSecond.ToString("N0", CultureInfo.InvariantCulture));
        yield return ("seconds", summary.Seconds.ToString("N1", CultureInfo.InvariantCulture));
        if (summary.ActivationBytes is { } activations)
            yield return ("activations of a worker", ProgressText.Bytes(activations));
        yield return ("peak resident size", ProgressText.Bytes(summary.PeakResidentBytes));
    }
}
