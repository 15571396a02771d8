using System.Globalization;
using Grpc.Core;
using Grpc.Net.Client;
using Orchestrator.Api.V1;

namespace Orchestrator.Server.Tests.Api;

/// <summary>
/// Many clients at once. <c>ORCHESTRATOR_CROWD_SECONDS=60 tests/Orchestrator.Server.Tests/bin/Release/net10.0/Orchestrator.Server.Tests -class '*CrowdTests'</c> is the long form.
/// </summary>
public sealed class CrowdTests : IAsyncLifetime
{
    const int Clients = 50;

    static readonly double seconds = double.Parse(Environment.GetEnvironmentVariable("ORCHESTRATOR_CROWD_SECONDS") ?? "3", CultureInfo.InvariantCulture);

    ApiHost host = null!;

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => host = await ApiHost.Start();

    public ValueTask DisposeAsync() => host.DisposeAsync();

    [Fact]
    public async Task Fifty_clients_that_watch_submit_and_scale_see_no_error_and_miss_no_event()
    {
        using var over = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var told = await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(() => Live(client, over.Token))));
        Assert.All(told, one => Assert.True(one.Calls > 0 && one.Events > 0));
        TestContext.Current.SendDiagnosticMessage("{0} calls, {1} events in {2} s", told.Sum(one => one.Calls), told.Sum(one => one.Events), seconds);
    }

    // Submits a job of its own, watches it and that of its neighbour, and scales it until the time is over.
    async Task<(int Calls, long Events)> Live(int client, CancellationToken over)
    {
        using var channel = GrpcChannel.ForAddress(host.GrpcAddress);
        var jobs = new Jobs.JobsClient(channel);
        var name = $"job-{client}";
        var spec = $"{{ name: {name}, model: {{ path: llama }}, data: {{ path: /data }} }}";
        await jobs.SubmitAsync(new SubmitRequest { Spec = spec }, cancellationToken: Stop);
        var job = host.Cluster.Job(name);
        var watches = new[] { Watch(jobs, name), Watch(jobs, name) };
        var calls = 1;
        for (; !over.IsCancellationRequested; calls += 4)
        {
            job.Steps(5);
            var workers = 1 + calls % 9;
            Assert.Equal(workers, (await jobs.ScaleAsync(new ScaleRequest { Name = name, Workers = workers }, cancellationToken: Stop)).WorkersWanted);
            Assert.Equal(name, (await jobs.SubmitAsync(new SubmitRequest { Spec = spec }, cancellationToken: Stop)).Name);
            Assert.Equal(name, (await jobs.GetAsync(new JobRequest { Name = name }, cancellationToken: Stop)).Name);
            if (calls % 16 == 1)
                Assert.InRange((await jobs.ListAsync(new ListRequest(), cancellationToken: Stop)).Jobs.Count, 1, Clients);
            await Task.Delay(10, Stop);
        }
        job.Ends();
        var events = await Task.WhenAll(watches);
        Assert.Equal(events[0], events[1]);
        return (calls, events.Sum());
    }

    static async Task<long> Watch(Jobs.JobsClient jobs, string name)
    {
        using var watch = jobs.Watch(new WatchRequest { Name = name }, cancellationToken: Stop);
        var number = 0L;
        await foreach (var what in watch.ResponseStream.ReadAllAsync(Stop))
            Assert.Equal(++number, what.Number);
        return number;
    }
}
