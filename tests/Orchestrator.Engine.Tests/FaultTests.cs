using Orchestrator.Engine.Checkpoints;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine.Tests;

/// <summary>Accelerators that are slow, hang, or compute wrong, and disks that forget: the job ends in the bytes of the undisturbed run.</summary>
public sealed class FaultTests(InvarianceTests.Truth truth) : IClassFixture<InvarianceTests.Truth>, IDisposable
{
    static readonly TimeSpan slow = TimeSpan.FromMilliseconds(40), slower = TimeSpan.FromMilliseconds(250), crawling = TimeSpan.FromMilliseconds(1_900);

    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    async Task<Rehearsal> Job(double? audits = null, int checkpointEvery = 2)
    {
        var (plan, _, _) = await truth.Of(alpaca: true);
        return new Rehearsal(plan with { Spec = plan.Spec with { Audit = new AuditSpec { Share = audits }, Checkpoint = new CheckpointSpec { EverySteps = checkpointEvery } } }, folder);
    }

    async Task EndsAlike(Rehearsal job)
    {
        var (plan, adapter, ledger) = await truth.Of(alpaca: true);
        var end = await job.Over;
        Assert.True(end.Phase == JobPhase.Completed, string.Join('\n', job.Reasons));
        Assert.Equal(adapter, Jobs.AdapterDigest(plan, folder));
        Assert.Equal(ledger, job.LedgerText());
    }

    [Fact]
    public async Task A_worker_at_half_speed_gets_fewer_micro_batches_within_five_steps()
    {
        await using var job = await Job();
        job.Offer(Offers.Of("a:2"));
        job.Engine("a").Drill.Delay(job.Name, new WorkerId("a", 0), (_, _) => Thread.Sleep(slow));
        job.Engine("a").Drill.Delay(job.Name, new WorkerId("a", 1), (_, _) => Thread.Sleep(slower));
        await EndsAlike(job);
        Assert.Contains(job.Reasons, reason => reason.Contains("dealt anew", StringComparison.Ordinal));
        Assert.True(job.ShareOf("a", 1) is >= 1 and <= 3, string.Join('\n', job.Reasons));      // of 8, half of which it had
        Assert.DoesNotContain(job.Reasons, reason => reason.StartsWith("Mustering", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_slot_that_hangs_is_told_by_its_process_and_fenced_when_it_wakes()
    {
        using var wakes = new ManualResetEventSlim();
        await using var job = await Job();
        job.Offer(Offers.Of("a:3"));
        var hung = 0;
        job.Engine("a").Drill.Delay(job.Name, new WorkerId("a", 1), (step, _) =>
        {
            if (step.Number == 3 && Interlocked.Exchange(ref hung, 1) == 0)
                wakes.Wait(TimeSpan.FromMinutes(2));
        });
        await job.Told(what => what is JobEvent.Lost { Process: "a", Slot: 1 });
        await job.Reaches(4);
        wakes.Set();
        job.Offer(Offers.Of("a:3"));
        await EndsAlike(job);
    }

    [Fact]
    public async Task What_a_straggler_does_not_finish_is_computed_by_those_who_wait_and_the_step_goes_on_without_it()
    {
        await using var job = await Job();
        job.Offer(Offers.Of("a:3"));
        var late = 0;
        job.Engine("a").Drill.Delay(job.Name, new WorkerId("a", 2), (step, _) =>
        {
            if (step.Number == 3 && Interlocked.Increment(ref late) <= 3)
                Thread.Sleep(crawling);
        });
        await job.Told(what => what is JobEvent.Stood { Standing.Hedged.Count: > 0 });
        await EndsAlike(job);
        Assert.Contains(job.Reasons, reason => reason.Contains(" is lost: ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("a:3", 1.0)]
    [InlineData("a:4", 0.5)]
    [InlineData("a:2", 1.0)]
    public async Task A_worker_that_computes_a_bit_wrong_is_found_and_named_and_the_job_ends_as_without_it(string workers, double share)
    {
        await using var job = await Job(share);
        job.Offer(Offers.Of(workers));
        var (wrong, times) = (new WorkerId("a", 1), 0);
        // Of two workers the one that does not repeat itself is wrong; of more, the one that is alone.
        job.Engine("a").Miscompute(job.Name, wrong, (step, _) => step.Number == 3 && (workers != "a:2" || Interlocked.Increment(ref times) == 1));
        await EndsAlike(job);
        Assert.True(job.Quarantined.SequenceEqual([wrong]), string.Join('\n', job.Reasons));
        Assert.Contains(job.Reasons, reason => reason.Contains("a/1 computed micro-batch", StringComparison.Ordinal) && reason.Contains("goes back", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Audits_of_workers_that_compute_right_change_nothing_and_accuse_nobody()
    {
        await using var job = await Job(audits: 1);
        job.Offer(Offers.Of("a:3"));
        await EndsAlike(job);
        Assert.Empty(job.Quarantined);
        Assert.DoesNotContain(job.Reasons, reason => reason.Contains("differ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_checkpoint_that_is_damaged_when_a_worker_reads_it_gives_way_to_the_one_before()
    {
        var (plan, _, ledger) = await truth.Of(alpaca: true);
        await using (var before = await Job())
        {
            before.Offer(Offers.Of("a:2"));
            await before.Over;
        }
        var last = new RunFolder(folder).Checkpoint(plan.Last);
        Directory.Delete(last, recursive: true);
        await using var job = await Job();      // it has looked at the checkpoints by now
        var newest = CheckpointReader.Steps(new RunFolder(folder))[^1];
        File.AppendAllText(Path.Combine(new RunFolder(folder).Checkpoint(newest), "optimizer.safetensors"), "x");
        job.Offer(Offers.Of("a:2"));
        await job.Told(what => what is JobEvent.Damaged damaged && damaged.Checkpoint == newest);
        Assert.Equal(JobPhase.Completed, (await job.Over).Phase);
        Assert.Equal((await truth.Of(alpaca: true)).Adapter, Jobs.AdapterDigest(plan, folder));
        Assert.All(job.Ledger.Values, line => Assert.Contains(line.Parameters, ledger, StringComparison.Ordinal));
        Assert.True(job.Ledger.Keys.First() <= newest.Number);
    }
}
