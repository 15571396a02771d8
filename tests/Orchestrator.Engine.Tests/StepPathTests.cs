using System.Globalization;
using Orchestrator.Engine.Resident;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Files;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Order;

namespace Orchestrator.Engine.Tests;

public sealed class StepPathTests : IDisposable
{
    const long BytesPerStepMax = 6 << 10;
    const long ResidentGrowthMax = 12 << 20;

    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    // Bytes on the worker's own thread, from commit to commit; what the arithmetic and its library's handles take is measured apart and subtracted.
    [Fact]
    public async Task A_step_leaves_no_garbage_beyond_a_few_kilobytes_and_a_thousand_steps_no_native_memory()
    {
        var plan = Jobs.Golden(folder, spec => spec with { Training = spec.Training with { Epochs = 1000, GlobalBatchSize = 4 }, Checkpoint = new CheckpointSpec { EverySteps = 100_000 } });
        var allocated = new List<long>();
        long early = 0, late = 0;
        await using var job = new Rehearsal(plan, Path.Combine(folder, "run"))
        {
            Watch = step =>
            {
                if (step.Line.Step == 300)
                    early = Resident();
                if (step.Line.Step == 1000)
                    late = Resident();
                if (step.Gates is null)
                    allocated.Add(GC.GetAllocatedBytesForCurrentThread());
            },
        };
        job.Offer(Offers.Of("a:1"));
        await job.Reaches(1000);

        var steps = allocated.Zip(allocated.Skip(1), (before, after) => after - before).Skip(50).Order().ToList();
        var whole = steps[steps.Count / 4];      // steps that follow a sampled one count it too: they are in the upper quarters
        var arithmetic = await Task.Factory.StartNew(() => Arithmetic(plan), TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{whole} bytes a step, {arithmetic} of them arithmetic; resident {early >> 20} MB after 300 steps, {late >> 20} MB after 1,000"));
        Assert.InRange(whole - arithmetic, 0, BytesPerStepMax);
        Assert.InRange(late - early, long.MinValue, ResidentGrowthMax);
    }

    static long Arithmetic(JobPlan plan)
    {
        DeterministicTorch.EnterWorkerThread(1);
        using var model = ModelFolder.Open(plan.Spec.Model.Path);
        using var bases = new ResidentBases();
        using var lease = bases.Acquire(plan.Spec.Model.Path, Precision.Fp32, "cpu");
        using var data = TrainingData.Open(plan.Spec, null, model.Config.Vocabulary, Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()));
        using var replica = new Replica(lease.Weights, Methods.Of(plan.Spec.Adapter, model.Config), plan.Spec.Training);
        var packer = new BatchPacker();
        var gradient = new float[plan.Parameters];
        var allocated = new List<long>();
        for (var step = Step.Start.Next; step.Number <= 60; step = step.Next)
        {
            var planned = StepPlan.For(plan, data, step);
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var m = 0; m < planned.MicroBatchCount; m++)
                replica.Backward(data.Pack(packer, planned.MicroBatch(m)), planned.TokenWeight, gradient);
            replica.Update(gradient, 1e-3);
            _ = replica.Digest();
            allocated.Add(GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return allocated.Skip(20).Order().ElementAt(10);
    }

    static long Resident()
        => OperatingSystem.IsLinux()
            ? long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(':', 'k')[1], CultureInfo.InvariantCulture) << 10
            : Environment.WorkingSet;
}
