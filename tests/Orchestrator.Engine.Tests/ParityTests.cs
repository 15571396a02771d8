using Orchestrator.Harness;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine.Tests;

public sealed class ParityTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    JobPlan Plan()
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
        return JobPreparation.Prepare(spec, Path.Combine(folder, "cache"), new PreparationProgress(), TestContext.Current.CancellationToken).Plan;
    }

    [Theory]
    [InlineData("a:1")]
    [InlineData("a:3")]
    [InlineData("a:2 b:1")]
    [InlineData("a:1 b:1 c:1 d:1 e:1")]
    public async Task A_whole_run_ends_as_the_original_ended_it_with_any_number_of_workers(string processes)
    {
        var plan = Plan();
        var run = Path.Combine(folder, "run");
        await using var job = new Rehearsal(plan, run);
        job.Offer([.. processes.Split(' ').Select(process => process.Split(':')).Select(parts => (parts[0], int.Parse(parts[1])))]);
        var end = await job.Over;
        Assert.True(end.Phase == JobPhase.Completed, string.Join('\n', job.Reasons));

        using var expected = TensorFile.Open(Shared.Find("reference/run_parity/expected.safetensors")!);
        using var losses = expected.Load("losses");
        Assert.Equal(losses.data<float>().ToArray(), job.Ledger.Values.Select(line => (float)line.Loss), (a, b) => Math.Abs(a - b) <= 1e-3 * Math.Abs(a));
        using var ended = AdapterFile.Read(Path.Combine(new RunFolder(run).Checkpoint(plan.Last), AdapterFile.Name));
        foreach (var (name, tensor) in ended.Tensors)
        {
            using var golden = expected.Load(name);
            using var difference = (tensor - golden).norm();
            using var size = golden.norm();
            Assert.True(difference.item<float>() <= 1e-3 * size.item<float>() + 1e-12, name);
        }
    }
}
