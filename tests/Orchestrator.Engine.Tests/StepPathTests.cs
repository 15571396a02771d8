using System.Globalization;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine.Tests;

/// <summary>Tests that measure the process: nothing runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public class Alone
{
    public const string Name = "alone";
}

[Collection(Alone.Name)]
public sealed class StepPathTests : IDisposable
{
    const long BytesPerStepMax = 6 << 10;      // report, digest, ledger line; packing, forward and backward leave none
    const long ResidentGrowthMax = 12 << 20;

    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    // Bytes on the worker's own thread, from commit to commit.
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
                if (step.Gates is null && step.Line.Step < 1000)
                    allocated.Add(GC.GetAllocatedBytesForCurrentThread());
            },
        };
        job.Offer(Offers.Of("a:1"));
        await job.Reaches(1000);

        var steps = allocated.Zip(allocated.Skip(1), (before, after) => after - before).Skip(50).Order().ToList();
        var whole = steps[steps.Count / 4];      // steps that follow a sampled one count it too: they are in the upper quarters
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{whole} bytes a step of {plan.MicroBatches} micro-batches; resident {early >> 20} MB after 300 steps, {late >> 20} MB after 1,000"));
        Assert.InRange(whole, 0, BytesPerStepMax);
        Assert.InRange(late - early, long.MinValue, ResidentGrowthMax);
    }

    static long Resident()
        => OperatingSystem.IsLinux()
            ? long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(':', 'k')[1], CultureInfo.InvariantCulture) << 10
            : Environment.WorkingSet;
}
