namespace Orchestrator.Grains.Tests;

public sealed class JobTests
{
    [Fact]
    public async Task A_submitted_job_runs_on_the_announced_workers_and_completes()
    {
        await using var cluster = await Cluster.Of(2);
        await cluster.Submit(cluster.Spec("one", workers: 2));
        var done = await cluster.Completes("one");
        Assert.Equal(24, done.Step.Number);
        Assert.Equal(64, done.AdapterSha256.Length);
        Assert.True(File.Exists(cluster.Run("one").Adapter));
        Assert.True(cluster.Errors.IsEmpty, string.Join("\n", cluster.Errors.Distinct().Take(5)));
    }

    [Fact]
    public async Task Two_silos_end_with_the_digest_of_one_worker()
    {
        await using var cluster = await Cluster.Of(2, 2);
        await cluster.Submit(cluster.Spec("alone"), "team");
        var alone = await cluster.Completes("team/alone");
        await cluster.Submit(cluster.Spec("together", workers: 4));
        var together = await cluster.Completes("together");
        Assert.Equal(alone.AdapterSha256, together.AdapterSha256);
        Assert.True(File.Exists(cluster.Run("alone", "team").Adapter));
        Assert.True(cluster.Errors.IsEmpty, string.Join("\n", cluster.Errors.Distinct().Take(5)));
    }
}
