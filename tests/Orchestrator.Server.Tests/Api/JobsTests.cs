using Grpc.Core;
using Google.Rpc;
using Orchestrator.Api.V1;
using Orchestrator.Grains.Scheduling;

namespace Orchestrator.Server.Tests.Api;

/// <summary>The calls about jobs, over grains that a test tells what to say.</summary>
public sealed class JobsTests : IAsyncLifetime
{
    const string Spec = "{ name: alpaca, model: { path: llama-7b }, data: { path: /data/alpaca.json }, workers: 2 }";

    ApiHost host = null!;
    Jobs.JobsClient jobs = null!;

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        host = await ApiHost.Start();
        jobs = new Jobs.JobsClient(host.Channel);
    }

    public ValueTask DisposeAsync() => host.DisposeAsync();

    async Task<FakeJob> Submitted()
    {
        await jobs.SubmitAsync(new SubmitRequest { Spec = Spec }, cancellationToken: Stop);
        return host.Cluster.Job("alpaca");
    }

    [Fact]
    public async Task A_job_is_taken_in_as_its_spec_says_with_what_was_laid_over_it()
    {
        var job = await jobs.SubmitAsync(new SubmitRequest { Spec = Spec, Set = { "workers=5", "training.epochs=2" } }, cancellationToken: Stop);
        Assert.Equal(("default", "alpaca", Phase.Queued, 5, 1), (job.Namespace, job.Name, job.Phase, job.WorkersWanted, job.Position));
        Assert.Contains("\"epochs\":2", job.Spec, StringComparison.Ordinal);
        Assert.Contains("\"path\":\"llama-7b\"", job.Spec, StringComparison.Ordinal);      // the servers look for it
        Assert.Equal(64, job.SpecDigest.Length);
    }

    [Fact]
    public async Task The_same_spec_is_answered_with_the_same_job_and_another_under_its_name_is_refused()
    {
        var first = await jobs.SubmitAsync(new SubmitRequest { Spec = Spec }, cancellationToken: Stop);
        Assert.Equal(first, await jobs.SubmitAsync(new SubmitRequest { Spec = Spec }, cancellationToken: Stop));
        Assert.Equal(StatusCode.AlreadyExists, await Refusal(() => jobs.SubmitAsync(new SubmitRequest { Spec = Spec, Set = { "training.seed=7" } })));
        Assert.Equal("lab", (await jobs.SubmitAsync(new SubmitRequest { Spec = Spec, Set = { "training.seed=7" }, Namespace = "lab" }, cancellationToken: Stop)).Namespace);
    }

    [Fact]
    public async Task A_bad_spec_is_refused_whole_with_every_problem_and_its_line()
    {
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await jobs.SubmitAsync(
            new SubmitRequest { Spec = "name: alpaca\nmodel: { path: m }\ndata: { path: records.json }\nadapter: { method: magic }\ntraining:\n  epoch: 3\n  seed: x\n" }, cancellationToken: Stop));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.Equal(["spec:3 data.path", "spec:4 adapter.method", "spec:6 training.epoch", "spec:7 training.seed"],
            refused.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations.Select(one => one.Field).Order(StringComparer.Ordinal));
        Assert.Empty((await jobs.ListAsync(new ListRequest(), cancellationToken: Stop)).Jobs);
    }

    [Fact]
    public async Task Records_that_were_not_uploaded_are_missed_before_the_job_is_taken_in()
    {
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await jobs.SubmitAsync(new SubmitRequest { Spec = Spec, Set = { $"data.path=sha256:{new string('0', 64)}" } }, cancellationToken: Stop));
        Assert.Contains("upload them first", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../etc", "default")]
    [InlineData("alpaca", "..")]
    [InlineData("", "default")]
    [InlineData("UPPER", "default")]
    public async Task What_is_no_name_is_refused(string name, string space)
        => Assert.Equal(StatusCode.InvalidArgument, await Refusal(() => jobs.GetAsync(new JobRequest { Name = name, Namespace = space })));

    [Fact]
    public async Task A_job_that_is_not_there_is_not_found_by_any_call()
    {
        var nobody = new JobRequest { Name = "nobody" };
        Assert.Equal(StatusCode.NotFound, await Refusal(() => jobs.GetAsync(nobody)));
        Assert.Equal(StatusCode.NotFound, await Refusal(() => jobs.SuspendAsync(nobody)));
        Assert.Equal(StatusCode.NotFound, await Refusal(() => jobs.CancelAsync(nobody)));
        Assert.Equal(StatusCode.NotFound, await Refusal(() => jobs.ScaleAsync(new ScaleRequest { Name = "nobody", Workers = 2 })));
        using var watch = jobs.Watch(new WatchRequest { Name = "nobody" }, cancellationToken: Stop);
        Assert.Equal(StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(() => watch.ResponseStream.MoveNext(Stop))).StatusCode);
    }

    [Fact]
    public async Task A_job_is_scaled_paused_and_ended_and_what_is_over_stays_so()
    {
        await Submitted();
        var request = new JobRequest { Name = "alpaca" };
        Assert.Equal(7, (await jobs.ScaleAsync(new ScaleRequest { Name = "alpaca", Workers = 7 }, cancellationToken: Stop)).WorkersWanted);
        Assert.Equal(StatusCode.InvalidArgument, await Refusal(() => jobs.ScaleAsync(new ScaleRequest { Name = "alpaca", Workers = 0 })));
        Assert.Equal(Phase.Suspended, (await jobs.SuspendAsync(request, cancellationToken: Stop)).Phase);
        Assert.Equal(Phase.Queued, (await jobs.ResumeAsync(request, cancellationToken: Stop)).Phase);
        Assert.Equal(StatusCode.FailedPrecondition, await Refusal(() => jobs.DeleteAsync(request)));
        Assert.Equal(Phase.Cancelled, (await jobs.CancelAsync(request, cancellationToken: Stop)).Phase);
        Assert.Equal(Phase.Cancelled, (await jobs.CancelAsync(request, cancellationToken: Stop)).Phase);
        Assert.Equal(StatusCode.FailedPrecondition, await Refusal(() => jobs.ScaleAsync(new ScaleRequest { Name = "alpaca", Workers = 3 })));
        await jobs.DeleteAsync(request, cancellationToken: Stop);
        Assert.Equal(StatusCode.NotFound, await Refusal(() => jobs.GetAsync(request)));
    }

    [Fact]
    public async Task A_list_holds_what_was_asked_for_without_specs()
    {
        (await Submitted()).Steps(3);
        await jobs.SubmitAsync(new SubmitRequest { Spec = Spec, Set = { "name=second" }, Namespace = "lab" }, cancellationToken: Stop);
        var running = Assert.Single((await jobs.ListAsync(new ListRequest { Phases = { Phase.Running } }, cancellationToken: Stop)).Jobs);
        Assert.Equal(("alpaca", 3L, 1000L, 2, ""), (running.Name, running.Step, running.Steps, running.Workers, running.Spec));
        Assert.Equal(["alpaca", "second"], (await jobs.ListAsync(new ListRequest { AllNamespaces = true }, cancellationToken: Stop)).Jobs.Select(job => job.Name));
        Assert.Equal(["second"], (await jobs.ListAsync(new ListRequest { Namespace = "lab" }, cancellationToken: Stop)).Jobs.Select(job => job.Name));
    }

    [Fact]
    public async Task A_watch_tells_every_event_from_a_number_on_and_ends_with_the_job()
    {
        var job = await Submitted();
        job.Steps(2500);
        using var watch = jobs.Watch(new WatchRequest { Name = "alpaca", After = 500 }, cancellationToken: Stop);
        var (expected, last) = (500L, (Event?)null);
        while (await watch.ResponseStream.MoveNext(Stop))
        {
            last = watch.ResponseStream.Current;
            Assert.Equal(++expected, last.Number);
            if (expected == 2500)
                job.Ends();
        }
        Assert.Equal(2501, expected);
        Assert.Equal(Phase.Completed, last!.Changed.Phase);
    }

    [Fact]
    public async Task A_watch_goes_on_where_it_was_when_the_job_is_activated_elsewhere()
    {
        var job = await Submitted();
        job.Steps(10);
        using var watch = jobs.Watch(new WatchRequest { Name = "alpaca" }, cancellationToken: Stop);
        for (var i = 1; i <= 10; i++)
            Assert.True(await watch.ResponseStream.MoveNext(Stop));
        job.Stumbles(5);
        job.Steps(10);
        job.Ends();
        var numbers = new List<long>();
        while (await watch.ResponseStream.MoveNext(Stop))
            numbers.Add(watch.ResponseStream.Current.Number);
        Assert.Equal(Enumerable.Range(11, 11).Select(number => (long)number), numbers);
    }

    [Fact]
    public async Task A_job_that_ends_in_the_queue_ends_its_watch()
    {
        await Submitted();
        using var watch = jobs.Watch(new WatchRequest { Name = "alpaca" }, cancellationToken: Stop);
        var next = watch.ResponseStream.MoveNext(Stop);
        await jobs.CancelAsync(new JobRequest { Name = "alpaca" }, cancellationToken: Stop);
        Assert.False(await next);
    }

    [Fact]
    public async Task A_reader_that_does_not_read_is_not_read_ahead_for()
    {
        var job = await Submitted();
        job.Steps(60_000);
        using var watch = jobs.Watch(new WatchRequest { Name = "alpaca" }, cancellationToken: Stop);
        Assert.True(await watch.ResponseStream.MoveNext(Stop));
        var (before, still) = (-1, 0);
        while (still < 5)      // until the windows between them are full
        {
            await Task.Delay(100, Stop);
            (before, still) = (job.Told, job.Told == before ? still + 1 : 0);
        }
        Assert.InRange(before, 1, 59_999);
    }

    [Fact]
    public async Task A_log_is_what_is_there_or_goes_on_to_the_end()
    {
        var job = await Submitted();
        job.Steps(3);
        Assert.Equal(["event 2", "event 3"], await Lines(new LogsRequest { Name = "alpaca", After = 1 }));
        var following = Lines(new LogsRequest { Name = "alpaca", Follow = true });
        job.Steps(2);
        job.Ends();
        Assert.Equal(6, (await following).Count);
    }

    async Task<List<string>> Lines(LogsRequest request)
    {
        using var logs = jobs.Logs(request, cancellationToken: Stop);
        var lines = new List<string>();
        await foreach (var line in logs.ResponseStream.ReadAllAsync(Stop))
            lines.Add(line.Text);
        return lines;
    }

    [Fact]
    public async Task A_server_that_goes_ends_its_streams_at_once_and_says_so()
    {
        await Submitted();
        using var watch = jobs.Watch(new WatchRequest { Name = "alpaca" }, cancellationToken: Stop);
        await watch.ResponseHeadersAsync.WaitAsync(TimeSpan.FromMilliseconds(200), Stop).ContinueWith(_ => { }, Stop, TaskContinuationOptions.None, TaskScheduler.Default);
        var next = watch.ResponseStream.MoveNext(Stop);
        var stopping = host.Stop();
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => next)).StatusCode);
        await stopping.WaitAsync(TimeSpan.FromSeconds(5), Stop);
    }

    [Fact]
    public async Task Trouble_below_is_told_as_unavailable_with_its_reason()
    {
        await Submitted();
        host.Cluster.Fault = new Npgsql.NpgsqlException("Failed to connect to db:5432");
        var answer = await Assert.ThrowsAsync<RpcException>(async () => await jobs.GetAsync(new JobRequest { Name = "alpaca" }, cancellationToken: Stop));
        Assert.Equal(StatusCode.Unavailable, answer.StatusCode);
        Assert.Contains("db:5432", answer.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Servers_are_listed_cordoned_and_drained()
    {
        var workers = new Workers.WorkersClient(host.Channel);
        host.Cluster.Silos.Add(new SiloEntry(new SiloAnnouncement("a", 1, new Uri("http://a:1"), 2, "cpu test", Leaving: false), Cordoned: false, Drained: false, DateTimeOffset.UnixEpoch, ["alpaca", null]));
        var server = Assert.Single((await workers.ListAsync(new ListWorkersRequest(), cancellationToken: Stop)).Servers);
        Assert.Equal(["default/alpaca", ""], server.Workers.Select(worker => worker.Job));
        var request = new ServerRequest { Server = "a" };
        Assert.Equal((true, false), Marks(await workers.CordonAsync(request, cancellationToken: Stop)));
        Assert.Equal((true, true), Marks(await workers.DrainAsync(request, cancellationToken: Stop)));
        Assert.Equal((false, false), Marks(await workers.UncordonAsync(request, cancellationToken: Stop)));
        Assert.Equal(StatusCode.NotFound, await Refusal(() => workers.DrainAsync(new ServerRequest { Server = "b" })));

        static (bool, bool) Marks(Orchestrator.Api.V1.Server server) => (server.Cordoned, server.Draining);
    }

    static async Task<StatusCode> Refusal<T>(Func<AsyncUnaryCall<T>> call) => (await Assert.ThrowsAsync<RpcException>(async () => await call())).StatusCode;
}
