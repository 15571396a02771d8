using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Grpc.Net.Client;
using Orchestrator.Api.V1;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Harness;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Server;

namespace Orchestrator.Telemetry.Tests;

public sealed class TraceTests
{
    [Fact]
    public async Task A_job_its_generations_and_one_step_in_a_hundred_are_one_trace()
    {
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == Traces.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using (var host = await TrainingHost.Start())
        {
            Traces.Call("traced", "submit")?.Dispose();
            var job = await host.Submit("traced", epochs: 100_000);
            await job.Offer(2);
            await job.Reaches(120);
            await job.Grain.Cancel();
            await job.Ends();
        }

        var mine = spans.Where(span => span.TraceId == spans.First(first => (string?)first.GetTagItem("job") == "traced").TraceId).ToList();
        var submit = Assert.Single(mine, span => span.OperationName == "submit");
        var whole = Assert.Single(mine, span => span.OperationName == "job");
        Assert.Equal(submit.ParentSpanId, whole.ParentSpanId);
        var generations = mine.Where(span => span.OperationName == "generation").ToList();
        Assert.All(generations, span => Assert.Equal(whole.SpanId, span.ParentSpanId));
        var steps = mine.Where(span => span.OperationName == "step").ToList();
        Assert.Equal([1L, 101L], steps.Select(span => (long)span.GetTagItem("step")!).Distinct().Order());
        Assert.All(steps, span => Assert.Contains(span.ParentSpanId, generations.Select(generation => generation.SpanId)));
        foreach (var part in new[] { "micro-batch", "exchange" })
        {
            var parts = mine.Where(span => span.OperationName == part).ToList();
            Assert.NotEmpty(parts);
            Assert.All(parts, span => Assert.Contains(span.ParentSpanId, steps.Select(step => step.SpanId)));
        }
    }

    [Fact]
    public async Task What_is_submitted_to_a_server_is_one_trace_with_what_comes_of_it()
    {
        var stop = TestContext.Current.CancellationToken;
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == Traces.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        var folder = Directory.CreateTempSubdirectory("orchestrator-traced-").FullName;
        try
        {
            var settings = ServerSettings.Read(new Dictionary<string, string?> { ["Ports"] = $"{FreePorts.InARow(5)}", ["Data"] = folder, ["Workers"] = "1", ["Name"] = "a" }, new Dictionary<string, string?>());
            await using var server = await ServerHost.Start(settings, stop);
            using var channel = GrpcChannel.ForAddress(server.Api);
            var jobs = new Jobs.JobsClient(channel);
            var spec = TrainingHost.Spec("asked", epochs: 2);
            await jobs.SubmitAsync(new SubmitRequest { Namespace = "team", Spec = Encoding.UTF8.GetString(CanonicalJson.Of(spec)) }, cancellationToken: stop);
            using var watch = jobs.Watch(new WatchRequest { Namespace = "team", Name = "asked" }, cancellationToken: stop);
            while (await watch.ResponseStream.MoveNext(stop))
            {
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
        var mine = spans.Where(span => (string?)span.GetTagItem("job") == "team/asked").Select(span => span.TraceId).Distinct();
        var names = spans.Where(span => span.TraceId == Assert.Single(mine)).Select(span => span.OperationName).ToHashSet();
        Assert.Superset(new HashSet<string> { "submit", "job", "generation", "step", "micro-batch", "exchange" }, names);
    }

    [Fact]
    public async Task Spans_go_to_the_collector_that_is_named_and_nowhere_else()
    {
        await using var collector = await Collector.Start();
        await using (var host = await TrainingHost.Start(options: new ObservabilityOptions { Traces = collector.Address }))
        {
            var job = await host.Submit("told", epochs: 100_000);
            await job.Offer(1);
            await job.Reaches(3);
            await job.Grain.Cancel();
            await job.Ends();
        }
        Assert.All(new[] { "job", "generation", "step", "micro-batch", "exchange" }, name => Assert.Contains(name, collector.Heard, StringComparison.Ordinal));
    }

    /// <summary>What an OTLP collector is to whoever tells it spans: takes them, and says so.</summary>
    sealed class Collector : IAsyncDisposable
    {
        readonly StringBuilder heard = new();
        WebApplication? app;

        public Uri Address { get; private init; } = new($"http://127.0.0.1:{TrainingHost.FreePort()}");

        public string Heard
        {
            get
            {
                lock (heard)
                    return heard.ToString();
            }
        }

        public static async Task<Collector> Start()
        {
            var collector = new Collector();
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, collector.Address.Port, listen => listen.Protocols = HttpProtocols.Http2));
            collector.app = builder.Build();
            collector.app.MapPost("/opentelemetry.proto.collector.trace.v1.TraceService/Export", collector.Take);
            await collector.app.StartAsync(TestContext.Current.CancellationToken);
            return collector;
        }

        async Task Take(HttpContext call)
        {
            using var body = new MemoryStream();
            await call.Request.Body.CopyToAsync(body);
            lock (heard)
                heard.Append(Encoding.Latin1.GetString(body.ToArray()));
            call.Response.ContentType = "application/grpc";
            call.Response.DeclareTrailer("grpc-status");
            await call.Response.Body.WriteAsync(new byte[5]);      // an empty message
            call.Response.AppendTrailer("grpc-status", "0");
        }

        public async ValueTask DisposeAsync() => await app!.DisposeAsync();
    }
}
