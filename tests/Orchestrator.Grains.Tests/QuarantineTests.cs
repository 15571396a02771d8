using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Grains.Tests;

/// <summary>A worker that one job finds to compute wrong is no other job's, until its server is uncordoned.</summary>
public sealed class QuarantineTests
{
    int computed;
    bool isBroken;

    // As memory does that has a weak bit.
    bool NowAndThen(Step step, int m) => Interlocked.Increment(ref computed) % 20 == 0 && Volatile.Read(ref isBroken);

    static JobSpec Audited(Cluster cluster) => cluster.Spec("finder", workers: 3, epochs: 100_000) with { Audit = new AuditSpec { Share = 1 } };

    // On a busy machine a third worker may not answer in time who is right; then two are out.
    static async Task<List<WorkerId>> Found(Cluster cluster)
    {
        var silos = await cluster.Until(() => cluster.Scheduler.Silos(), silos => silos.Any(silo => silo.Quarantined.Count > 0), "a worker in quarantine");
        List<WorkerId> wrong = [.. silos.SelectMany(silo => silo.Quarantined.Keys.Select(slot => new WorkerId(silo.Announcement.Silo, slot)))];
        Assert.Contains(new WorkerId("b", 0), wrong);
        Assert.All(silos.SelectMany(silo => silo.Quarantined.Values), reason => Assert.Contains("b/0", reason, StringComparison.Ordinal));
        return wrong;
    }

    [Fact]
    public async Task A_worker_that_computed_wrong_is_given_to_no_job_until_its_silo_is_uncordoned()
    {
        await using var cluster = await Cluster.Of(2, 1);
        cluster.Engine("b").Miscompute("finder", new WorkerId("b", 0), NowAndThen);
        await cluster.Submit(Audited(cluster));
        await cluster.Members("finder", 3);      // of two that differ nobody could say who is right
        Volatile.Write(ref isBroken, true);
        var wrong = await Found(cluster);
        await cluster.Until("finder", entry => entry.Leased.Count == 3 - wrong.Count && !entry.Leased.Intersect(wrong).Any(), "without it");

        await cluster.Scheduler.Cancel("finder");
        await cluster.Ends("finder");
        await cluster.Submit(cluster.Spec("next", workers: 3));
        var waits = await cluster.Until("next", entry => entry.Reason.Contains("quarantined", StringComparison.Ordinal), "told why it waits");
        Assert.All(wrong, worker => Assert.Contains($"{worker}", waits.Reason, StringComparison.Ordinal));
        Assert.Contains($"there are {3 - wrong.Count} in all", waits.Reason, StringComparison.Ordinal);
        await Cluster.Deactivate(cluster.Scheduler);
        await cluster.Until(() => cluster.Scheduler.Silos(), silos => silos.Sum(silo => silo.Quarantined.Count) == wrong.Count, "still in quarantine");
        Assert.Equal(JobStage.Queued, (await cluster.Scheduler.Find("next"))!.Stage);

        foreach (var silo in wrong.Select(worker => worker.Silo).Distinct())
            Assert.Empty((await cluster.Scheduler.Cordon(silo, cordoned: false, drained: false)).Quarantined);
        await cluster.Completes("next");
        Assert.All(await cluster.Scheduler.Silos(), silo => Assert.Empty(silo.Quarantined));
        Assert.All(cluster.Errors, error => Assert.Contains("b/0", error, StringComparison.Ordinal));      // in what it is said of whoever is blamed with it
    }

    [Fact]
    public async Task The_job_that_found_it_out_uses_it_again_as_well()
    {
        await using var cluster = await Cluster.Of(2, 1);
        cluster.Engine("b").Miscompute("finder", new WorkerId("b", 0), NowAndThen);
        await cluster.Submit(Audited(cluster));
        await cluster.Members("finder", 3);      // of two that differ nobody could say who is right
        Volatile.Write(ref isBroken, true);
        var wrong = await Found(cluster);
        await cluster.Members("finder", 3 - wrong.Count);
        Volatile.Write(ref isBroken, false);
        foreach (var silo in wrong.Select(worker => worker.Silo).Distinct())
            await cluster.Scheduler.Cordon(silo, cordoned: false, drained: false);
        await cluster.Members("finder", 3);
        await cluster.Scheduler.Cancel("finder");
        await cluster.Ends("finder");
        Assert.All(await cluster.Scheduler.Silos(), silo => Assert.Empty(silo.Quarantined));
    }
}
