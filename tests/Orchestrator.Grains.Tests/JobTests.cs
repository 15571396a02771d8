using System.Security.Cryptography;
using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol;

namespace Orchestrator.Grains.Tests;

public sealed class JobTests
{
    static readonly Lazy<Task<string>> undisturbed = new(async () =>
    {
        await using var cluster = await Cluster.Of(1);
        await cluster.Submit(cluster.Spec("alone"));
        return (await cluster.Completes("alone")).AdapterSha256;
    });

    static void NoErrors(Cluster cluster, string but = "no error is expected")
    {
        var errors = cluster.Errors.Where(error => !error.Contains(but, StringComparison.Ordinal)).Distinct().Take(5).ToList();
        Assert.True(errors.Count == 0, string.Join("\n", errors));
    }

    // Every step once, in order, and no number left out: whatever happened on the way.
    static void AreWhole(List<JobNews> events, long steps)
    {
        Assert.Equal(Enumerable.Range(1, events.Count).Select(i => (long)i), events.Select(news => news.Number));
        Assert.Equal(Enumerable.Range(1, (int)steps).Select(i => (long)i), events.Where(news => news.Step is not null).Select(news => news.Step!.Line.Step));
        Assert.Equal(JobStage.Completed, events.Last(news => news.Decision is not null).Decision!.Stage);
    }

    [Fact]
    public async Task A_submitted_job_runs_on_the_announced_workers_of_two_silos_and_completes()
    {
        await using var cluster = await Cluster.Of(2, 2);
        var spec = cluster.Spec("together", workers: 4);
        await cluster.Submit(spec, "team");
        Assert.Equal(2, (await cluster.Until("team/together", entry => entry.Leased.Count == 4, "leased four")).Leased.Select(worker => worker.Silo).Distinct().Count());
        var done = await cluster.Completes("team/together");
        Assert.Equal(await undisturbed.Value, done.AdapterSha256);
        Assert.Equal(done.Last, done.Step);
        Assert.StartsWith("cpu", done.Kind, StringComparison.Ordinal);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(cluster.Run("together", "team").Adapter, TestContext.Current.CancellationToken))), done.AdapterSha256);
        AreWhole(await cluster.Events("team/together"), done.Last.Number);
        Assert.Equal((await cluster.Events("team/together")).Count, (await cluster.Job("team/together").Logs(0)).Count);

        var again = await cluster.Submit(spec, "team");
        Assert.Equal(JobStage.Completed, again.Stage);
        foreach (var grains in cluster.AllGrains)      // from the scheduler's own silo, and from another
        {
            var refused = await Assert.ThrowsAsync<ProblemException>(() => grains.GetGrain<Scheduling.ISchedulerGrain>(0).Submit("team", spec with { Training = spec.Training with { Epochs = 4 } }));
            Assert.Equal("name", Assert.Single(refused.Problems).Place);
            Assert.Contains("another job", refused.Problems[0].Found, StringComparison.Ordinal);
        }
        NoErrors(cluster);
    }

    [Fact]
    public async Task Scaled_up_and_down_while_it_runs_a_job_ends_with_the_digest_of_one_worker()
    {
        await using var cluster = await Cluster.Of(2, 2);
        var quickly = cluster.Slows("elastic");
        await cluster.Submit(cluster.Spec("elastic"));
        await cluster.Reaches("elastic", 3);
        await cluster.Scheduler.Scale("elastic", 4);
        await cluster.Members("elastic", 4);
        await cluster.Scheduler.Scale("elastic", 2);
        await cluster.Members("elastic", 2);
        quickly();
        var done = await cluster.Completes("elastic");
        Assert.Equal(await undisturbed.Value, done.AdapterSha256);
        AreWhole(await cluster.Events("elastic"), done.Last.Number);
        await Assert.ThrowsAsync<ProblemException>(() => cluster.Scheduler.Scale("elastic", 3));
        NoErrors(cluster);
    }

    [Fact]
    public async Task A_paused_job_gives_its_workers_back_and_ends_alike_when_it_is_resumed()
    {
        await using var cluster = await Cluster.Of(2);
        var quickly = cluster.Slows("paused");
        await cluster.Submit(cluster.Spec("paused", workers: 2));
        await cluster.Submit(cluster.Spec("behind", workers: 2));
        var waits = await cluster.Until("behind", entry => entry.Reason.Contains("paused has 2", StringComparison.Ordinal), "waiting for the other");
        Assert.Equal((JobStage.Queued, 1), (waits.Stage, waits.Position));
        await cluster.Reaches("paused", 3);
        await cluster.Scheduler.Suspend("paused");
        await cluster.Until("paused", entry => entry.Stage == JobStage.Suspended && entry.Leased.Count == 0, "suspended");
        await cluster.Until("behind", entry => entry.Leased.Count == 2, "running on what was given back");
        await cluster.Scheduler.Resume("paused");
        await cluster.Until("paused", entry => entry.Stage == JobStage.Queued, "queued again");
        quickly();
        var done = await cluster.Completes("paused");
        Assert.Equal(await undisturbed.Value, done.AdapterSha256);
        Assert.Equal(await undisturbed.Value, (await cluster.Completes("behind")).AdapterSha256);
        AreWhole(await cluster.Events("paused"), done.Last.Number);
        NoErrors(cluster);
    }

    [Fact]
    public async Task Grains_that_go_in_the_middle_come_back_and_leave_no_trace()
    {
        await using var cluster = await Cluster.Of(2, 1);
        var quickly = cluster.Slows("headless");
        await cluster.Submit(cluster.Spec("headless", workers: 3));
        foreach (var step in new[] { 2, 8, 14 })
        {
            await cluster.Reaches("headless", step);
            await Cluster.Deactivate(cluster.Job("headless"));
            await Cluster.Deactivate(cluster.Scheduler);
        }
        quickly();
        var done = await cluster.Completes("headless");
        Assert.Equal(await undisturbed.Value, done.AdapterSha256);
        AreWhole(await cluster.Events("headless"), done.Last.Number);
        NoErrors(cluster);
    }

    [Fact]
    public async Task While_the_database_is_away_training_goes_on_calls_say_so_and_nothing_is_lost()
    {
        await using var cluster = await Cluster.Of(2);
        var quickly = cluster.Slows("steady");
        await cluster.Submit(cluster.Spec("steady"));
        await cluster.Reaches("steady", 3);
        cluster.Storage.IsDown = true;
        var at = (await cluster.Job("steady").Snapshot()).Step.Number;
        await Assert.ThrowsAsync<UnavailableException>(() => cluster.Submit(cluster.Spec("later")));
        await Assert.ThrowsAsync<UnavailableException>(() => cluster.Scheduler.Scale("steady", 2));
        await cluster.Reaches("steady", at + 5);
        cluster.Storage.IsDown = false;
        await cluster.Submit(cluster.Spec("later"));
        quickly();
        var done = await cluster.Completes("steady");
        Assert.Equal(await undisturbed.Value, done.AdapterSha256);
        AreWhole(await cluster.Events("steady"), done.Last.Number);
        Assert.Equal(await undisturbed.Value, (await cluster.Completes("later")).AdapterSha256);
        NoErrors(cluster, but: "the database is away");
    }

    [Fact]
    public async Task A_record_that_somebody_else_has_saved_is_read_again_and_the_job_goes_on_from_it()
    {
        await using var cluster = await Cluster.Of(2);
        var quickly = cluster.Slows("doubled");
        await cluster.Submit(cluster.Spec("doubled"));
        await cluster.Reaches("doubled", 3);
        await cluster.Storage.SaveBehindTheBackOf<JobRecord>("job", cluster.Job("doubled"));
        await cluster.Storage.SaveBehindTheBackOf<Scheduling.SchedulerRecord>("queue", cluster.Scheduler);
        await cluster.Scheduler.Scale("doubled", 2);
        await cluster.Members("doubled", 2);
        Assert.Contains(await cluster.Job("doubled").Logs(0), line => line.Text.Contains("its coordinator is back", StringComparison.Ordinal));
        quickly();
        var done = await cluster.Completes("doubled");
        Assert.Equal(await undisturbed.Value, done.AdapterSha256);
        AreWhole(await cluster.Events("doubled"), done.Last.Number);
        NoErrors(cluster, but: "InconsistentState");
    }

    [Fact]
    public async Task A_silo_without_the_base_says_so_and_another_one_takes_the_job()
    {
        await using var cluster = await Cluster.Of(1, 1);
        var spec = cluster.Spec("picky");
        Directory.CreateDirectory(Path.Combine(cluster.Folder, "models-b"));
        Directory.Move(spec.Model.Path, Path.Combine(cluster.Folder, "models-b", "tiny"));
        spec = spec with { Model = spec.Model with { Path = "tiny" } };
        await cluster.Submit(spec);
        var done = await cluster.Completes("picky");
        Assert.Equal(await undisturbed.Value, done.AdapterSha256);
        Assert.Contains(await cluster.Job("picky").Logs(0), line => line.Text.Contains("a cannot prepare it: tiny: nothing found", StringComparison.Ordinal));

        await cluster.Submit(spec with { Name = "picky-two", Workers = 2 });
        var waits = await cluster.Until("picky-two", entry => entry.Reason.Contains("a cannot take part: tiny: nothing found", StringComparison.Ordinal), "told why it waits");
        Assert.Equal(JobStage.Queued, waits.Stage);
        await cluster.Scheduler.Cancel("picky-two");
        Assert.Equal(JobStage.Cancelled, (await cluster.Ends("picky-two")).Stage);
        NoErrors(cluster);
    }

    [Fact]
    public async Task Records_that_cannot_be_used_fail_the_job_with_their_place()
    {
        await using var cluster = await Cluster.Of(1);
        var spec = cluster.Spec("wrong");
        await File.AppendAllTextAsync(spec.Data.Path, """{"input_ids": [3, 99], "labels": [3, 99]}""" + "\n", TestContext.Current.CancellationToken);
        await cluster.Submit(spec);
        var over = await cluster.Ends("wrong");
        Assert.Equal(JobStage.Failed, over.Stage);
        Assert.Contains("data.jsonl:73", over.Reason, StringComparison.Ordinal);
        await cluster.Scheduler.Delete("wrong");
        await cluster.Scheduler.Delete("wrong");
        Assert.Null(await cluster.Scheduler.Find("wrong"));
        Assert.False(Directory.Exists(cluster.Run("wrong").Path));
        NoErrors(cluster);
    }

    [Fact]
    public async Task Uploaded_records_train_like_a_file_and_a_name_is_free_again_after_a_deletion()
    {
        await using var cluster = await Cluster.Of(1);
        var spec = cluster.Spec("uploaded");
        var bytes = await File.ReadAllBytesAsync(spec.Data.Path, TestContext.Current.CancellationToken);
        var digest = Convert.ToHexStringLower(SHA256.HashData(bytes));
        await cluster.Submit(spec with { Data = spec.Data with { Path = $"sha256:{digest}" } });
        await cluster.Until("uploaded", entry => entry.Reason.Contains("no upload with digest", StringComparison.Ordinal), "waiting for the upload");
        await cluster.Scheduler.Cancel("uploaded");
        await cluster.Ends("uploaded");
        await Assert.ThrowsAsync<ProblemException>(() => cluster.Submit(spec));
        await cluster.Scheduler.Delete("uploaded");
        var blob = new ClusterFolders(Path.Combine(cluster.Folder, "data")).Blob(digest);
        Directory.CreateDirectory(Path.GetDirectoryName(blob)!);
        await File.WriteAllBytesAsync(blob, bytes, TestContext.Current.CancellationToken);
        await cluster.Submit(spec with { Data = spec.Data with { Path = $"sha256:{digest}" } });
        Assert.Equal(await undisturbed.Value, (await cluster.Completes("uploaded")).AdapterSha256);
        NoErrors(cluster);
    }

    [Fact]
    public async Task Workers_of_another_kind_are_not_mixed_in_and_a_drained_silo_is_left()
    {
        await using var cluster = await Cluster.Of(2, 2);
        cluster.Device("b", "cpu other");
        await cluster.Until(() => cluster.Scheduler.Silos(), silos => silos.Any(silo => silo.Announcement.Device == "cpu other"), "told the other kind");
        var quickly = cluster.Slows("three");
        await cluster.Submit(cluster.Spec("three", workers: 3));
        var waits = await cluster.Until("three", entry => entry.Reason.StartsWith("waits for 3 workers", StringComparison.Ordinal), "waiting");
        Assert.Contains("there are 2 in all: scale it to 2", waits.Reason, StringComparison.Ordinal);
        cluster.Device("b", Engine.ComputeDevice.DescribeProcess());
        await cluster.Until("three", entry => entry.Leased.Count == 3, "leased three");
        await cluster.Reaches("three", 3);
        Assert.True((await cluster.Scheduler.Cordon("a", cordoned: true, drained: true)).Drained);
        await cluster.Until("three", entry => entry.Leased.Count == 2 && entry.Leased.All(worker => worker.Silo == "b"), "on b only");
        quickly();
        Assert.Equal(await undisturbed.Value, (await cluster.Completes("three")).AdapterSha256);
        NoErrors(cluster);
    }
}
