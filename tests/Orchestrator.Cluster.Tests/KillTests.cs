namespace Orchestrator.Cluster.Tests;

/// <summary>Processes that are killed, and workers that come and go.</summary>
[Collection(OneCluster.Name)]
public sealed class KillTests(SharedCluster cluster)
{
    [Fact]
    public async Task A_killed_worker_loses_no_step()
    {
        var job = await cluster.Begun(workers: 6);
        await job.Reaches(5);
        var victim = await job.Bystander();
        await victim.Kill();
        Bounds.Holds(Bounds.Killed, await job.LongestPause());
        await victim.Again();
        await cluster.Job.HoldsFor(job);
    }

    [Fact]
    public async Task The_server_that_decides_is_killed_and_another_one_decides()
    {
        var job = await cluster.Begun(workers: 6);
        await job.Reaches(5);
        var victim = await job.Decider();
        await victim.Kill();
        Bounds.Holds(Bounds.Undecided, await job.LongestPause());
        Assert.NotEqual(victim, await job.Decider());
        await cluster.Job.HoldsFor(job);
    }

    [Fact]
    public async Task Half_of_the_servers_are_killed_and_then_all_of_them()
    {
        var job = await cluster.Begun(workers: 6);
        await job.Reaches(5);
        await Task.WhenAll(cluster.Servers.Server(1).Kill(), cluster.Servers.Server(2).Kill());
        await job.LongestPause();
        await job.Reaches(15);      // behind a checkpoint
        await cluster.Servers.Server(3).Kill();
        var written = job.Written;
        await cluster.Servers.Whole();
        await job.Reaches(written + 1);
        await cluster.Job.HoldsFor(job);
    }

    [Fact]
    public async Task Workers_come_and_go_while_it_runs()
    {
        var job = await cluster.Begun(workers: 2);
        foreach (var (step, workers) in new[] { (5, 5), (20, 3), (30, 1), (35, 6) })
        {
            await job.Reaches(step);
            await job.Scale(workers);
            await job.Is(now => now.Workers == workers, $"has {workers} workers", TimeSpan.FromSeconds(20));
        }
        await cluster.Job.HoldsFor(job);
    }

    [Fact]
    public async Task A_server_that_is_asked_to_stop_hands_its_micro_batches_back()
    {
        var job = await cluster.Begun(workers: 6);
        await job.Reaches(5);
        var leaver = await job.Bystander();
        Assert.Equal(0, await leaver.Terminate());
        await cluster.Job.HoldsFor(job);
    }
}
