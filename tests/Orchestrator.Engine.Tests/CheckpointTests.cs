using CsCheck;
using Orchestrator.Engine.Checkpoints;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine.Tests;

public sealed class CheckpointTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    RunFolder Run => new(Path.Combine(folder, "run"));

    static readonly Gen<(Step[] Steps, Dictionary<Step, double> Losses, CheckpointSpec Spec)> retentions =
        from numbers in Gen.Long[1, 60].HashSet[0, 12]
        from losses in Gen.OneOf(Gen.Double[0, 9], Gen.Const(double.NaN), Gen.Const(double.PositiveInfinity)).Array[12]
        from judged in Gen.Bool.Array[12]
        from keepLast in Gen.Int[1, 6]
        from keepBest in Gen.Bool
        let steps = numbers.Order().Select(number => new Step(number)).ToArray()
        select (steps, steps.Select((step, i) => (step, i)).Where(one => judged[one.i]).ToDictionary(one => one.step, one => losses[one.i]),
            new CheckpointSpec { KeepLast = keepLast, KeepBest = keepBest });

    [Fact]
    public void The_last_ones_stay_and_the_best_and_no_others()
        => retentions.Sample((steps, losses, spec) =>
        {
            var kept = Retention.Kept(steps, losses, spec);
            Assert.Subset(steps.ToHashSet(), kept.ToHashSet());
            Assert.Superset(steps.TakeLast(spec.KeepLast).ToHashSet(), kept.ToHashSet());
            Assert.InRange(kept.Count, Math.Min(steps.Length, spec.KeepLast), spec.KeepLast + (spec.KeepBest ? 1 : 0));
            var judged = losses.Where(loss => !double.IsNaN(loss.Value)).ToList();
            if (spec.KeepBest && judged.Count > 0)
                Assert.Contains(kept, step => losses.TryGetValue(step, out var loss) && loss == judged.Min(one => one.Value));
        });

    [Fact]
    public void Pruning_leaves_what_is_kept_and_takes_what_killed_writers_left()
    {
        var plan = Jobs.Golden(folder);
        foreach (var name in new[] { "step-00000010", "step-00000020", "step-00000030", "step-00000040", ".step-00000010.gone", ".step-00000015.0.partial", ".step-00000040.0.partial" })
        {
            Directory.CreateDirectory(Path.Combine(Run.Checkpoints, name));
            File.WriteAllText(Path.Combine(Run.Checkpoints, name, "part"), "");
        }
        Retention.Prune(Run, plan, new Dictionary<Step, double>());
        Assert.Equal([".step-00000040.0.partial", "step-00000020", "step-00000030", "step-00000040"], Directory.EnumerateDirectories(Run.Checkpoints).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_damaged_newest_checkpoint_is_named_and_the_one_before_ends_in_the_same_bytes()
    {
        var plan = Jobs.Golden(folder);
        await using (var truth = await Jobs.Train(plan, Run.Path, "a:1"))
        {
        }
        var digest = Jobs.AdapterDigest(plan, Run.Path);
        var steps = CheckpointReader.Steps(Run);
        Assert.Equal(plan.Last, steps[^1]);
        var damaged = Path.Combine(Run.Checkpoint(plan.Last), "adapter.safetensors");
        using (var file = File.OpenWrite(damaged))
            file.SetLength(file.Length - 1);
        Directory.CreateDirectory(Path.Combine(Run.Checkpoints, ".step-00000011.0.partial"));

        await using var again = await Jobs.Train(plan, Run.Path, "a:2");
        Assert.Contains(damaged, Assert.Single(again.Damaged), StringComparison.Ordinal);
        Assert.Equal(steps[^2].Number + 1, again.Ledger.Keys.First());
        Assert.Equal(digest, Jobs.AdapterDigest(plan, Run.Path));
    }

    [Fact]
    public async Task A_checkpoint_that_cannot_be_written_is_told_and_the_training_goes_on()
    {
        var plan = Jobs.Golden(folder);
        Directory.CreateDirectory(Run.Path);
        File.WriteAllText(Run.Checkpoints, "a file where the folder should be");
        var job = new Rehearsal(plan with { }, Run.Path);
        await using (job)
        {
            job.Offer(Offers.Of("a:2"));
            await job.Told(what => what is JobEvent.WriteFailed failed && failed.Step == new Step(10));
            await job.Told(what => what is JobEvent.WriteFailed failed && failed.Step == plan.Last);
            Assert.Equal(plan.Last.Number, job.Ledger.Keys.Last());
            File.Delete(Run.Checkpoints);
            job.Pass(TimeSpan.FromMinutes(6));
            Assert.Equal(JobPhase.Completed, (await job.Over).Phase);
        }
        Assert.Equal(plan.Last, Assert.Single(CheckpointReader.Steps(Run)));
    }
}
