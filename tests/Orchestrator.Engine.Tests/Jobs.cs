using System.Text.Json;
using Orchestrator.Engine.Checkpoints;
using Orchestrator.Harness;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine.Tests;

/// <summary>The jobs that these tests train.</summary>
static class Jobs
{
    /// <summary>The golden run: 8 samples in 4 micro-batches.</summary>
    public static JobPlan Golden(string folder, Func<JobSpec, JobSpec>? change = null)
    {
        var shared = Shared.Find("reference/run_parity") ?? "";
        Assert.SkipWhen(shared.Length == 0, "the golden run is not beside the project");
        var spec = new JobSpec
        {
            Name = "parity",
            Model = new ModelSpec { Path = Path.Combine(shared, "model") },
            Adapter = new AdapterSpec { Layers = 3, Length = 5, Init = Path.Combine(shared, "init-adapter.pth") },
            Data = new DataSpec { Path = Path.Combine(shared, "data.jsonl"), Validation = 0, MaxSequenceLength = 48, Shuffle = false },
            Training = new TrainingSpec { Epochs = 3, GlobalBatchSize = 8, MicroBatchSize = 2, LearningRate = 0.02, WarmupEpochs = 0.5 },
            Device = new DeviceSpec { Kind = DeviceKind.Cpu },
            Checkpoint = new CheckpointSpec { EverySteps = 10 },
        };
        return Plan(change?.Invoke(spec) ?? spec, folder);
    }

    /// <summary>Real records on a tiny random base with LLaMA's vocabulary: 8 micro-batches a step, 6 steps.</summary>
    public static JobPlan Alpaca(string folder, int records = 96)
    {
        var (data, tokenizer) = (Shared.Find("data/alpaca_original_1805.json"), Shared.Find("tokenizers/llama-32k/tokenizer.model"));
        Assert.SkipWhen(data is null || tokenizer is null, "the records are not beside the project");
        var some = Path.Combine(folder, "records.json");
        if (!File.Exists(some))
        {
            RandomBase.Write(Path.Combine(folder, "base"), vocabulary: 32_000, dim: 32, layers: 2, heads: 4, hidden: 64);
            File.WriteAllText(some, JsonSerializer.Serialize(JsonSerializer.Deserialize<JsonElement[]>(File.ReadAllText(data!))!.Take(records)));
        }
        return Plan(new JobSpec
        {
            Name = "alpaca",
            Model = new ModelSpec { Path = Path.Combine(folder, "base"), Tokenizer = tokenizer },
            Adapter = new AdapterSpec { Layers = 2, Length = 4 },
            Data = new DataSpec { Path = some, Validation = 0, MaxSequenceLength = 128 },
            Training = new TrainingSpec { Epochs = 1, GlobalBatchSize = 16, MicroBatchSize = 2, LearningRate = 0.02, WarmupEpochs = 0.2 },
            Device = new DeviceSpec { Kind = DeviceKind.Cpu },
            Checkpoint = new CheckpointSpec { EverySteps = 2 },
        }, folder);
    }

    static JobPlan Plan(JobSpec spec, string folder)
        => JobPreparation.Prepare(spec, Path.Combine(folder, "cache"), new PreparationProgress(), TestContext.Current.CancellationToken).Plan;

    /// <summary>SHA-256 of the adapter that a finished job leaves.</summary>
    public static string AdapterDigest(JobPlan plan, string folder)
        => new FileDigests(cacheFolder: null).Sha256(Path.Combine(new RunFolder(folder).Checkpoint(plan.Last), AdapterFile.Name));

    /// <summary>The run's folder as a finished job leaves it.</summary>
    public static RunFolder Finish(Rehearsal job, JobPlan plan, string folder)
    {
        var run = new RunFolder(folder);
        File.WriteAllText(run.Ledger, job.LedgerText());
        CheckpointReader.Deliver(run, plan.Last);
        new RunSummary
        {
            Job = plan.Spec.Name, State = "completed", Reason = "", AdapterSha256 = AdapterDigest(plan, folder), Step = plan.Last.Number, Steps = plan.Last.Number,
            Loss = job.Ledger[plan.Last.Number].Loss, Parameters = plan.Parameters, TrainingRecords = plan.TrainingSamples, ValidationRecords = 0, Kind = plan.Kind, Workers = 1,
            Seconds = 1, TokensPerSecond = 1, SupervisedTokensPerSecond = 1, PeakResidentBytes = 1, Digests = plan.Digests, Evaluations = [], Spec = plan.Spec,
        }.Write(run);
        return run;
    }

    /// <summary>Trains to the end.</summary>
    public static async Task<Rehearsal> Train(JobPlan plan, string folder, string workers)
    {
        var job = new Rehearsal(plan, folder);
        job.Offer(Offers.Of(workers));
        var end = await job.Over;
        Assert.True(end.Phase == JobPhase.Completed, string.Join('\n', job.Reasons));
        return job;
    }
}
