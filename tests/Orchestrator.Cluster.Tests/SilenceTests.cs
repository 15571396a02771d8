using Orchestrator.Harness;

namespace Orchestrator.Cluster.Tests;

/// <summary>Workers that say nothing any more and are not gone.</summary>
[Collection(OneCluster.Name)]
public sealed class SilenceTests(SharedCluster cluster)
{
    [Fact]
    public async Task A_worker_that_hangs_is_left_behind_and_fenced_off_when_it_wakes()
    {
        var job = await cluster.Begun(workers: 6);
        await job.Reaches(5);
        var before = await job.Now();
        var sleeper = await job.Bystander();
        sleeper.Freeze();
        Bounds.Holds(Bounds.Silent, await job.LongestPause());
        Assert.True((await job.Now()).Generation > before.Generation, "a newer generation, without the one that hangs");
        await job.Goes(steps: 5);
        sleeper.Thaw();      // in the middle of a step that is long over
        await job.Goes(steps: 5);
        await cluster.Job.HoldsFor(job);
    }

    [Fact]
    public async Task A_worker_whose_network_is_cut_is_left_behind_and_fenced_off_when_it_is_back()
    {
        Assert.SkipUnless(Cables.CanBeLaid, Cables.Missing);
        await using var cables = await Cables.Lay(hosts: 3);
        await using var servers = await Harness.Cluster.Of(servers: 3, workers: 2, new ClusterSetup
        {
            Host = cables.AddressOf,
            Through = cables.On,
            More = number => ["--listen", cables.AddressOf(number), "--insecure"],
        });
        var job = await servers.Submit(cluster.Job.Spec, "cut", workers: 6);
        await job.Reaches(5);
        var lost = int.Parse($"{(await job.Bystander()).Name[0] - 'a' + 1}", System.Globalization.CultureInfo.InvariantCulture);
        await cables.PullOut(lost);
        Bounds.Holds(Bounds.Silent, await job.LongestPause());
        await job.Goes(steps: 5);
        await cables.PlugIn(lost);
        await cluster.Job.HoldsFor(job);
    }
}
