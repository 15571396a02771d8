using System.Globalization;
using System.Text.Json;
using Orchestrator.Engine;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Engine.Tests;
using Orchestrator.Harness;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Benchmarks;

/// <summary>What the engine adds to the computing of a job: steps of real jobs, in this process, on a base of D 512 with 6 layers.</summary>
static class EngineBenchmarks
{
    const int StepsOfWarmUp = 2;

    /// <summary>Worker-seconds that are not forward and backward, with four workers and micro-batches of about 100 ms.</summary>
    public static async Task Overhead(Report report, bool quick)
    {
        using var folder = new TemporaryFolder();
        if (Job(folder.Path, records: 640, steps: quick ? 3 : 8, spec => spec with { Workers = 4, Training = spec.Training with { GlobalBatchSize = 64, MicroBatchSize = 2 } }) is not { } plan)
        {
            report.NotMeasured("overhead outside compute", "the records are missing");
            return;
        }
        var (reports, all) = await Train(plan, Path.Combine(folder.Path, "run"), workers: 4);
        var later = reports.Where(step => step.Line.Step > StepsOfWarmUp).ToList();
        double total = later.Sum(step => step.StepSeconds), computing = later.Sum(step => step.ComputeSeconds), reducing = later.Sum(step => step.ReduceSeconds);
        double Share(double seconds) => 100 * seconds / total;
        var microBatch = computing / (later.Select(step => step.Line.Step).Distinct().Count() * plan.MicroBatches);
        var steps = later.GroupBy(step => step.Line.Step).Select(step => 100 * step.Sum(worker => worker.StepSeconds - worker.ComputeSeconds) / step.Sum(worker => worker.StepSeconds));
        var waiting = all.Peers / (all.Peers + all.Reduce) * reducing;
        report.Add(string.Create(CultureInfo.InvariantCulture, $"worker-seconds outside compute, 4 workers on {Environment.ProcessorCount} processors, micro-batches of {1e3 * microBatch:F0} ms"),
            Spread.Of(steps).Text("F2") + " %",
            string.Create(CultureInfo.InvariantCulture, $"0; of it waiting for the slowest worker {Share(waiting):F2}, summing {Share(reducing - waiting):F2}, computed in the place of others, update, digest and report {Share(total - computing - reducing):F2}; packing (within compute) {100 * all.Data / all.Compute:F2} %"),
            Share(total - computing), "%", "≤ 2 %", Share(total - computing) <= 2);
    }

    /// <summary>The step's median with a checkpoint of 14.7 MB at every step, and without.</summary>
    public static async Task Checkpoints(Report report, bool quick)
    {
        using var folder = new TemporaryFolder();
        var took = new List<double>[] { [], [] };
        for (var turn = 0; turn < (quick ? 2 : 6); turn++)                           // by turns, so that a busy moment hits both
        {
            if (Job(folder.Path, records: 128, steps: quick ? 4 : 16, spec => spec with
            {
                Adapter = new AdapterSpec { Layers = 4, Length = 600 },
                Training = spec.Training with { GlobalBatchSize = 8, MicroBatchSize = 4 },
                Checkpoint = new CheckpointSpec { EverySteps = turn % 2 == 0 ? 1_000_000 : 1 },
            }) is not { } plan)
            {
                report.NotMeasured("a checkpoint every step", "the records are missing");
                return;
            }
            var run = Path.Combine(folder.Path, "run");
            var (reports, _) = await Train(plan, run, workers: 1);
            Directory.Delete(run, recursive: true);
            took[turn % 2].AddRange(reports.Where(step => step.Line.Step > StepsOfWarmUp).Select(step => 1e3 * step.StepSeconds));
        }
        var (without, with) = (Spread.Of(took[0]), Spread.Of(took[1]));
        report.Add("a step with a checkpoint of 14.7 MB", with.Text("F1") + " ms", $"without: {without.Text("F1")} ms", with.Median - without.Median, "ms added to the median", "≤ 1 ms", with.Median - without.Median <= 1);
    }

    /// <summary>
    /// The step's median with everything that is told of it (a job's series, read as often as Prometheus does in a test, and the spans of one step in a hundred), and with nobody who listens. The workers'
    /// own clocks run either way: what they cost, a test of the telemetry's bounds.
    /// </summary>
    public static async Task Telemetry(Report report, bool quick)
    {
        using var folder = new TemporaryFolder();
        var took = new List<double>[] { [], [] };
        for (var turn = 0; turn < (quick ? 2 : 10); turn++)                          // by turns, so that a busy moment hits both
        {
            if (Job(folder.Path, records: 128, steps: quick ? 4 : 32, spec => spec with { Training = spec.Training with { GlobalBatchSize = 4, MicroBatchSize = 1 } }) is not { } plan)
            {
                report.NotMeasured("what is told of a step", "the records are missing");
                return;
            }
            var run = Path.Combine(folder.Path, "run");
            using var told = turn % 2 == 0 ? null : new Listeners(new JobAssignment(plan, run));
            var (reports, _) = await Train(plan, run, workers: 1, told);
            Directory.Delete(run, recursive: true);
            took[turn % 2].AddRange(reports.Where(step => step.Line.Step > StepsOfWarmUp).Select(step => 1e3 * step.StepSeconds));
        }
        var (without, with) = (Spread.Of(took[0]), Spread.Of(took[1]));
        var share = 100 * (with.Median / without.Median - 1);
        report.Add("a step with metrics, accounts and 1 % of spans", with.Text("F1") + " ms", $"nobody listens: {without.Text("F1")} ms", share, "% of the median", "≤ 1 %", share <= 1);
    }

    // The same steps for every worker's word: of each worker one report a step.
    static async Task<(List<StepReport> Steps, WorkerSeconds Seconds)> Train(JobPlan plan, string folder, int workers, Listeners? told = null)
    {
        var reports = new List<StepReport>();
        await using var job = new Rehearsal(plan, folder, trace: told?.Trace)
        {
            Watch = step =>
            {
                told?.Hear(step);
                lock (reports)
                    reports.Add(step);
            },
        };
        job.Offer(("a", workers));
        var end = await job.Over;
        return end.Phase == JobPhase.Completed ? (reports, job.Seconds) : throw new InvalidDataException($"the job ended as {end.Phase}: {string.Join('\n', job.Reasons)}");
    }

    static JobPlan? Job(string folder, int records, int steps, Func<JobSpec, JobSpec> change)
    {
        if (Shared.Find("data/alpaca_original_1805.json") is not { } data || Shared.Find("tokenizers/llama-32k/tokenizer.model") is not { } tokenizer)
            return null;
        var some = Path.Combine(folder, "records.json");
        if (!File.Exists(some))
        {
            RandomBase.Write(Path.Combine(folder, "base"), Workload.Large.Vocabulary, Workload.Large.Dim, Workload.Large.Layers, Workload.Large.Heads, Workload.Large.Hidden);
            File.WriteAllText(some, JsonSerializer.Serialize(JsonSerializer.Deserialize<JsonElement[]>(File.ReadAllText(data))!.Take(records)));
        }
        var spec = change(new JobSpec
        {
            Name = "benchmark",
            Model = new ModelSpec { Path = Path.Combine(folder, "base"), Tokenizer = tokenizer },
            Adapter = new AdapterSpec { Layers = 4, Length = 10 },
            Data = new DataSpec { Path = some, Validation = 0, MaxSequenceLength = 512 },
            Training = new TrainingSpec { Epochs = 1, LearningRate = 0.001 },
            Device = new DeviceSpec { Kind = DeviceKind.Cpu },
            Checkpoint = new CheckpointSpec { EverySteps = 1_000_000 },
        });
        File.WriteAllText(some, JsonSerializer.Serialize(JsonSerializer.Deserialize<JsonElement[]>(File.ReadAllText(data))!.Take(Math.Min(records, steps * spec.Training.GlobalBatchSize))));
        return JobPreparation.Prepare(spec, Path.Combine(folder, "cache"), new PreparationProgress()).Plan;
    }
}

/// <summary>A folder that is gone afterwards.</summary>
sealed class TemporaryFolder : IDisposable
{
    /// <summary>Where it is.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("orchestrator-benchmark-").FullName;

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Path, recursive: true);
}
