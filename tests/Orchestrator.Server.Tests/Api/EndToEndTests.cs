using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Grpc.Core;
using Grpc.Net.Client;
using Orchestrator.Api.V1;
using Orchestrator.Cli.Tests;
using Orchestrator.Harness;
using File = System.IO.File;

namespace Orchestrator.Server.Tests.Api;

/// <summary>Client and server as real processes, and real records on a real, tiny LLaMA.</summary>
public sealed class EndToEndTests : IDisposable
{
    const int RoundsMin = 2;      // of each client, however slow the machine is

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-end-to-end-");

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Delete(recursive: true);

    string Place(string name) => Path.Combine(folder.FullName, name);

    string Alpaca(int epochs)
    {
        var (model, data) = (Shared.Find("models/stories260K"), Shared.Find("data/alpaca_original_1805.json"));
        Assert.SkipWhen(model is null || data is null, "the records and models are not beside the project");
        using var records = JsonDocument.Parse(File.ReadAllBytes(data));
        File.WriteAllText(Place("alpaca.json"), new JsonArray([.. records.RootElement.EnumerateArray().Take(80).Select(record => JsonNode.Parse(record.GetRawText()))]).ToJsonString());
        File.WriteAllText(Place("alpaca.yaml"), $$"""
            name: alpaca
            model: { path: {{model}} }
            data: { path: alpaca.json, validation: 8, maxSequenceLength: 160 }
            training: { epochs: {{epochs}}, globalBatchSize: 12, microBatchSize: 2, warmupEpochs: 0.5, learningRate: 0.01 }
            device: { kind: cpu }
            checkpoint: { everySteps: 5 }
            evaluation: { everySteps: 12 }
            """);
        return Place("alpaca.yaml");
    }

    static JsonObject Json(params string[] arguments)
    {
        var end = Orchestrated.Run([.. arguments, "--json"]);
        Assert.True(end.Code == 0, end.Error);
        return (JsonObject)JsonNode.Parse(end.Out)!;
    }

    [Fact]
    public async Task A_job_that_is_watched_scaled_and_downloaded_over_the_death_of_its_server_ends_as_train_ends_it()
    {
        var spec = Alpaca(epochs: 6);
        var expected = Json("train", spec, "--output", Place("alone"))["adapterSha256"]!.GetValue<string>();
        await using var server = await ServerProcess.Start("a", Place("data"), workers: 3);
        string[] there = ["--server", server.Api.ToString()];

        var taken = Json(["submit", spec, .. there]);
        Assert.StartsWith("sha256:", taken["spec"]!["data"]!["path"]!.GetValue<string>(), StringComparison.Ordinal);
        using var watch = Orchestrated.Start(["watch", "alpaca", "--json", .. there]);
        var events = new List<JsonNode>();
        await Until(watch, events, what => Step(what) >= 3);
        Assert.Equal(3, Json(["scale", "alpaca", "--workers", "3", .. there])["workersWanted"]!.GetValue<int>());
        await Until(watch, events, what => what["workers"]?.GetValue<int>() == 3 && Step(what) > 0);
        await server.Kill();
        await server.Again();
        await Until(watch, events, what => what["state"]?.GetValue<string>() is "completed" or "failed");
        var error = await watch.StandardError.ReadToEndAsync(Stop);
        await watch.WaitForExitAsync(Stop);
        Assert.True(watch.ExitCode == 0, $"{error}{events[^1]}{server.Log}");
        Assert.Equal(Enumerable.Range(1, events.Count), events.Select(what => what["number"]!.GetValue<int>()));
        Assert.Equal(Enumerable.Range(1, 36).Select(step => (long)step), events.Select(Step).Where(step => step > 0).Order());

        var ended = Json(["get", "alpaca", .. there]);
        Assert.Equal(("completed", 36L, 36L, expected), (ended["state"]!.GetValue<string>(), ended["step"]!.GetValue<long>(), ended["steps"]!.GetValue<long>(), ended["digest"]!.GetValue<string>()));
        Assert.InRange(ended["goodput"]!.GetValue<double>(), 0.001, 1);
        Assert.True(ended["workerSeconds"]!["compute"]!.GetValue<double>() > 0);
        Assert.Equal(expected, Json(["download", "alpaca", "--output", Place("run"), .. there])["adapterSha256"]!.GetValue<string>());
        Assert.Contains("<svg", File.ReadAllText(Path.Combine(Place("run"), "report.html")), StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(Place("alone/ledger.jsonl")), File.ReadAllBytes(Place("run/ledger.jsonl")));
        Assert.NotEmpty(Orchestrated.Run(["logs", "alpaca", .. there]).Out);
    }

    [Fact]
    public async Task Fifty_clients_of_a_real_cluster_see_no_error_and_miss_no_event()
    {
        Alpaca(epochs: 1);
        await using var server = await ServerProcess.Start("a", Place("data"), workers: 2);
        var seconds = double.Parse(Environment.GetEnvironmentVariable("ORCHESTRATOR_CROWD_SECONDS") ?? "5", CultureInfo.InvariantCulture);
        using var over = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var text = File.ReadAllText(Place("alpaca.yaml")).Replace("alpaca.json", Place("alpaca.json"), StringComparison.Ordinal);
        var calls = await Task.WhenAll(Enumerable.Range(0, 50).Select(client => Task.Run(() => Live(server.Api, text, client, over.Token))));
        Assert.All(calls, count => Assert.InRange(count, 1 + 3 * RoundsMin, int.MaxValue));
    }

    // The same few jobs are submitted by all, and each is watched by many from its first event on.
    static async Task<int> Live(Uri server, string spec, int client, CancellationToken over)
    {
        using var channel = GrpcChannel.ForAddress(server);
        var jobs = new Jobs.JobsClient(channel);
        var name = $"job-{client % 10}";
        var submit = new SubmitRequest { Spec = spec, Set = { $"name={name}" } };
        await jobs.SubmitAsync(submit, cancellationToken: Stop);
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var watching = Watch(jobs, name, gone.Token);
        var calls = 1;
        for (; calls < 1 + 3 * RoundsMin || !over.IsCancellationRequested; calls += 3)
        {
            await jobs.SubmitAsync(submit, cancellationToken: Stop);
            var job = await jobs.GetAsync(new JobRequest { Name = name }, cancellationToken: Stop);
            if (job.Phase is Phase.Queued or Phase.Running or Phase.Preparing)
                await Scale(jobs, name, 1 + calls % 3);
            await Task.Delay(100, Stop);
        }
        await gone.CancelAsync();
        await watching;
        return calls;
    }

    static async Task Scale(Jobs.JobsClient jobs, string name, int workers)
    {
        try
        {
            await jobs.ScaleAsync(new ScaleRequest { Name = name, Workers = workers }, cancellationToken: Stop);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
        {
            // It has just ended.
        }
    }

    static async Task Watch(Jobs.JobsClient jobs, string name, CancellationToken gone)
    {
        using var watch = jobs.Watch(new WatchRequest { Name = name }, cancellationToken: gone);
        var number = 0L;
        try
        {
            await foreach (var what in watch.ResponseStream.ReadAllAsync(gone))
                Assert.Equal(++number, what.Number);
        }
        catch (Exception e) when (gone.IsCancellationRequested && e is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled })
        {
        }
    }

    static long Step(JsonNode what) => what["event"]!.GetValue<string>() == "stepped" ? what["step"]!.GetValue<long>() : 0;

    static async Task Until(Process watch, List<JsonNode> events, Func<JsonNode, bool> happened)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        patience.CancelAfter(TimeSpan.FromMinutes(2));
        while (await watch.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            events.Add(JsonNode.Parse(line)!);
            if (happened(events[^1]))
                return;
        }
    }
}
