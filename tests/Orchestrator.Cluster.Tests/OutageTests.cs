using Grpc.Core;
using Orchestrator.Api.V1;
using Orchestrator.Harness;
using File = System.IO.File;

namespace Orchestrator.Cluster.Tests;

/// <summary>What the servers need and do not have for a while: the database, the disk, the right time.</summary>
[Collection(OneCluster.Name)]
public sealed class OutageTests(SharedCluster cluster)
{
    const string Sums = "orchestrator_exchange_sums_total";

    [Fact]
    public async Task Training_goes_on_without_the_database_and_nothing_is_lost_when_it_is_back()
    {
        var job = await cluster.Begun(workers: 6);
        await job.Reaches(20);      // how fast the workers are is known, and dealt for: a membership that changes just then waits for the database
        await cluster.Servers.Database.Halt();
        try
        {
            await job.Goes(steps: 10);
            var refusal = await Assert.ThrowsAsync<RpcException>(() => cluster.Servers.Client.AskOnce(cluster.Servers.Server(1).Api,
                (way, options) => new Jobs.JobsClient(way).SubmitAsync(new SubmitRequest { Namespace = "outage", Spec = cluster.Job.Spec }, options)));
            Assert.Equal(StatusCode.Unavailable, refusal.StatusCode);
            Assert.Contains("database", refusal.Status.Detail, StringComparison.Ordinal);
            Assert.All(cluster.Servers.Servers, server => Assert.True(server.IsAlive, server.Log));
        }
        finally
        {
            await cluster.Servers.Database.Go();
        }
        await cluster.Job.HoldsFor(job);
    }

    [Fact]
    public async Task A_damaged_checkpoint_is_named_and_the_one_before_is_used()
    {
        var job = await cluster.Begun(workers: 4);
        await job.Reaches(25);
        await Task.WhenAll(cluster.Servers.Servers.Select(server => server.Kill()));
        var newest = Directory.GetDirectories(job.Run.Checkpoints).Where(folder => Path.GetFileName(folder).Length == "step-00000000".Length).Order().Last();
        var state = Path.Combine(newest, "optimizer.safetensors");
        var bytes = await File.ReadAllBytesAsync(state, TestContext.Current.CancellationToken);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(state, bytes, TestContext.Current.CancellationToken);
        await cluster.Servers.Whole();
        await cluster.Job.HoldsFor(job);
        Assert.Contains(await job.Events(), told => told.Changed is { } changed && changed.Reason.Contains("passed over", StringComparison.Ordinal)
            && changed.Reason.Contains(Path.GetFileName(newest), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Training_goes_on_while_the_disk_is_full()
    {
        Assert.SkipUnless(SmallDisk.CanBeMounted, SmallDisk.Missing);
        await using var disk = await SmallDisk.Mount(bytes: 64 << 20);
        await using var servers = await Harness.Cluster.Of(servers: 2, workers: 2, new ClusterSetup { Data = disk.Path });
        var job = await servers.Submit(cluster.Job.Spec, "full", workers: 4);
        await job.Reaches(3);
        disk.Fill();
        await (await job.Decider()).Says("its ledger waits for the disk");
        var (written, summed) = (job.Written, await servers.Server(1).Metric(Sums));
        await Eventually.Holds(async () => await servers.Server(1).Metric(Sums) >= summed + 30, ClusterJob.Patience, "steps are summed without a disk", servers.Logs);      // behind two checkpoints that cannot be written
        Assert.InRange(job.Written, written, written + 15);      // what still went into the last page of the file
        disk.Empty();
        await cluster.Job.HoldsFor(job);
        Assert.Contains(await job.Events(), told => told.Changed is { } changed && changed.Reason.Contains("the ledger waits for the disk", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Clocks_that_are_wrong_by_an_hour_change_nothing()
    {
        Assert.SkipUnless(WrongClock.IsInstalled, WrongClock.Missing);
        await using var servers = await Harness.Cluster.Of(servers: 3, workers: 2, new ClusterSetup
        {
            Environment = number => number switch { 1 => WrongClock.By(hours: 1), 2 => WrongClock.By(hours: -1), _ => new Dictionary<string, string>() },
        });
        var job = await servers.Submit(cluster.Job.Spec, "clocks", workers: 6);
        await job.Reaches(5);
        var victim = await job.Bystander();
        await victim.Kill();
        Bounds.Holds(Bounds.Killed, await job.LongestPause());
        await victim.Again();
        await (await job.Decider()).Kill();
        Bounds.Holds(Bounds.Undecided, await job.LongestPause());
        await cluster.Job.HoldsFor(job);
    }
}
