using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Orchestrator.Cli.Tests;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;

namespace Orchestrator.Server.Tests.Api;

/// <summary>The client's verbs as processes, against the API over grains that a test tells what to say.</summary>
public sealed class VerbTests : IAsyncLifetime
{
    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-verbs-");
    ApiHost host = null!;

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        host = await ApiHost.Start();
        File.WriteAllText(Place("records.json"), """[{ "instruction": "Say hello.", "input": "", "output": "Hello." }]""");
        File.WriteAllText(Place("alpaca.yaml"), "model: { path: /models/llama-7b }\ndata: { path: records.json }\ntraining: { globalBatchSize: 16, microBatchSize: 2 }\n");
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        folder.Delete(recursive: true);
    }

    string Place(string name) => Path.Combine(folder.FullName, name);

    Orchestrated Run(params string[] arguments) => Orchestrated.Run([.. arguments, "--server", host.GrpcAddress]);

    JsonObject Json(params string[] arguments)
    {
        var end = Run([.. arguments, "--json"]);
        Assert.True(end.Code == 0, end.Error);
        return (JsonObject)JsonNode.Parse(end.Out)!;
    }

    [Fact]
    public void Records_that_lie_here_are_uploaded_and_named_by_their_digest()
    {
        var job = Json("submit", Place("alpaca.yaml"));
        var digest = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Place("records.json"))));
        Assert.Equal($"sha256:{digest}", job["spec"]!["data"]!["path"]!.GetValue<string>());
        Assert.Equal(("queued", "waits for workers", "/models/llama-7b"), (job["state"]!.GetValue<string>(), job["reason"]!.GetValue<string>(), job["spec"]!["model"]!["path"]!.GetValue<string>()));
        Assert.True(File.Exists(host.Folders.Blob(digest)));
        Assert.Equal(Place("records.json"), Json("submit", Place("alpaca.yaml"), "--no-upload", "--set", "name=second")["spec"]!["data"]!["path"]!.GetValue<string>());
        Assert.Equal("alpaca\nsecond\n", string.Concat(Run("list", "--json").Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!["name"]!.GetValue<string>() + "\n")));
        var taken = Run("submit", Place("alpaca.yaml"), "--set", "training.seed=7");
        Assert.Equal(2, taken.Code);
        Assert.Contains("another spec under this name", taken.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_upload_outlives_its_server_and_goes_on_where_it_ended()
    {
        var bytes = RandomNumberGenerator.GetBytes(80_000_000);
        await File.WriteAllBytesAsync(Place("large.json"), bytes, Stop);
        var blob = host.Folders.Blob(Convert.ToHexStringLower(SHA256.HashData(bytes)));
        using var submit = Orchestrated.Start("submit", Place("alpaca.yaml"), "--set", $"data.path={Place("large.json")}", "--json", "--server", host.GrpcAddress);
        while (!submit.HasExited && !(File.Exists(blob + ".partial") && new FileInfo(blob + ".partial").Length > 0))
            await Task.Delay(2, Stop);
        await host.Stop();
        var before = new FileInfo(blob + ".partial");
        Assert.True(before.Exists && before.Length < bytes.Length, "it was faster than the test");
        await host.StartAgain();
        var end = Orchestrated.EndOf(submit);
        Assert.True(end.Code == 0, end.Error);
        Assert.Contains("trying again", end.Error, StringComparison.Ordinal);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(blob, Stop));
        Assert.Single(Directory.GetFiles(host.Folders.Blobs));
    }

    [Fact]
    public void What_is_wrong_with_a_spec_is_told_with_its_place_before_anything_is_sent()
    {
        File.WriteAllText(Place("wrong.yaml"), "model: { path: m }\ndata: { path: d }\ntraining: { epoch: 3 }\n");
        var wrong = Orchestrated.Run("submit", Place("wrong.yaml"), "--server", "http://127.0.0.1:1");
        Assert.Equal(2, wrong.Code);
        Assert.Contains("wrong.yaml:3 training.epoch", wrong.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_job_is_shown_scaled_paused_ended_and_forgotten()
    {
        Run("submit", Place("alpaca.yaml"));
        host.Cluster.Job("alpaca").Steps(4);
        var shown = Json("get", "alpaca");
        Assert.Equal(("running", 4L, 1000L, 2, 0.5), (shown["state"]!.GetValue<string>(), shown["step"]!.GetValue<long>(), shown["steps"]!.GetValue<long>(), shown["workers"]!.GetValue<int>(), shown["loss"]!.GetValue<double>()));
        Assert.Null(shown["digest"]);
        Assert.Matches("(?m)^step +4 of 1000$", Run("get", "alpaca").Out);
        Assert.Equal(5, Json("scale", "alpaca", "--workers", "5")["workersWanted"]!.GetValue<int>());
        Assert.Equal("suspended", Json("suspend", "alpaca")["state"]!.GetValue<string>());
        Assert.Equal("queued", Json("resume", "alpaca")["state"]!.GetValue<string>());
        Assert.Equal(2, Run("delete", "alpaca").Code);
        Assert.Contains("cancelled", Run("cancel", "alpaca").Out, StringComparison.Ordinal);
        Assert.Equal(0, Run("delete", "alpaca").Code);
        var gone = Run("get", "alpaca");
        Assert.Equal(2, gone.Code);
        Assert.Contains("job alpaca: nothing found", gone.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_watch_outlives_its_server_and_misses_no_event()
    {
        Run("submit", Place("alpaca.yaml"));
        var job = host.Cluster.Job("alpaca");
        job.Steps(50);
        using var watch = Orchestrated.Start("watch", "alpaca", "--json", "--server", host.GrpcAddress);
        Assert.Equal(1, Number(await watch.StandardOutput.ReadLineAsync(Stop)));
        await host.Stop();
        job.Steps(50);
        await host.StartAgain();
        job.Steps(50);
        job.Ends();
        var rest = await watch.StandardOutput.ReadToEndAsync(Stop);
        await watch.WaitForExitAsync(Stop);
        Assert.Equal(Enumerable.Range(2, 150), rest.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Number));
        Assert.Equal(0, watch.ExitCode);
        Assert.Contains("trying again", await watch.StandardError.ReadToEndAsync(Stop), StringComparison.Ordinal);

        static int Number(string? line) => JsonNode.Parse(line!)!["number"]!.GetValue<int>();
    }

    [Fact]
    public void Whoever_waits_for_a_job_ends_as_it_does()
    {
        Run("submit", Place("alpaca.yaml"));
        host.Cluster.Job("alpaca").Steps(2);
        host.Cluster.Job("alpaca").Ends(JobStage.Failed);
        Assert.Equal(1, Run("submit", Place("alpaca.yaml"), "--wait").Code);
        var watched = Run("watch", "alpaca");
        Assert.Equal(1, watched.Code);
        Assert.Contains("step 2 of 1000  loss 0.5000  lr 1.0e-2  1,000 tokens/s  2 workers", watched.Out, StringComparison.Ordinal);
        Assert.Contains("failed, generation 1 of 0: all steps are done", watched.Out, StringComparison.Ordinal);
        Assert.EndsWith("event 3\n", Run("logs", "alpaca", "-f").Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_download_outlives_its_server_and_is_verified()
    {
        Run("submit", Place("alpaca.yaml"));
        var run = host.Folders.Jobs("default", "alpaca").Path;
        Directory.CreateDirectory(Path.Combine(run, "checkpoints", "step-00000001"));
        var bytes = RandomNumberGenerator.GetBytes(60_000_000);
        await File.WriteAllBytesAsync(Path.Combine(run, "adapter.safetensors"), bytes, Stop);
        await File.WriteAllTextAsync(Path.Combine(run, "checkpoints", "step-00000001", "manifest.json"), "{}", Stop);

        using var download = Orchestrated.Start("download", "alpaca", "--output", Place("run"), "--server", host.GrpcAddress);
        using var appeared = new FileSystemWatcher(folder.FullName) { IncludeSubdirectories = true, EnableRaisingEvents = true };
        while (!download.HasExited && !Directory.EnumerateFiles(folder.FullName, "*.partial", SearchOption.AllDirectories).Any(file => new FileInfo(file).Length > 0))
            appeared.WaitForChanged(WatcherChangeTypes.All, TimeSpan.FromMilliseconds(20));
        await host.Stop();
        await host.StartAgain();
        var end = Orchestrated.EndOf(download);
        Assert.True(end.Code == 0, end.Error);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(Place("run/adapter.safetensors"), Stop));
        Assert.Equal("{}", await File.ReadAllTextAsync(Place("run/checkpoints/step-00000001/manifest.json"), Stop));
        Assert.Equal(2, Directory.GetFiles(Place("run"), "*", SearchOption.AllDirectories).Length);

        // A file that was damaged here is fetched again, and a half from an earlier command is gone on with.
        await File.WriteAllTextAsync(Place("run/checkpoints/step-00000001/manifest.json"), "[]", Stop);
        var again = Json("download", "alpaca", "--output", Place("run"));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), again["adapterSha256"]!.GetValue<string>());
        Assert.Equal("{}", await File.ReadAllTextAsync(Place("run/checkpoints/step-00000001/manifest.json"), Stop));
    }

    [Fact]
    public void Workers_are_listed_and_a_server_is_drained_by_its_name()
    {
        host.Cluster.Silos.Add(new SiloEntry(new SiloAnnouncement("gpu-3", 1, new Uri("http://a:1"), 2, "cpu test", Leaving: false), Cordoned: false, Drained: false, DateTimeOffset.UnixEpoch, ["alpaca", null]));
        var lines = Run("workers").Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))).ToList();
        Assert.Equal(["worker job state device", "gpu-3/0 default/alpaca busy cpu test", "gpu-3/1 free cpu test"], lines);
        Assert.True(Json("drain", "gpu-3")["draining"]!.GetValue<bool>());
        Assert.True(Json("cordon", "gpu-3")["cordoned"]!.GetValue<bool>());
        Assert.False(Json("uncordon", "gpu-3")["cordoned"]!.GetValue<bool>());
        Assert.Equal(2, Run("drain", "gpu-4").Code);
    }

    [Fact]
    public void Nobody_who_answers_is_told_by_address_and_the_next_one_is_asked_first()
    {
        var nobody = Orchestrated.Run("list", "--server", "http://127.0.0.1:1");
        Assert.Equal((1, ""), (nobody.Code, nobody.Out));
        Assert.Contains("http://127.0.0.1:1: Connection refused; is `orchestrator serve` running there?", nobody.Error, StringComparison.Ordinal);
        Assert.Equal("no jobs\n", Orchestrated.Run("list", "--server", $"http://127.0.0.1:1,{host.GrpcAddress}").Out);
        Assert.Equal(2, Orchestrated.Run("list", "--server", "127.0.0.1:8081").Code);
        host.Cluster.Fault = new Npgsql.NpgsqlException("Failed to connect to db:5432");
        var trouble = Run("list");
        Assert.Equal(1, trouble.Code);
        Assert.Contains("db:5432", trouble.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cluster_is_saved_under_a_name()
    {
        Assert.Contains("lab is meant from now on", Orchestrated.Run("context", "set", "lab", "--server", host.GrpcAddress, "--namespace", "team").Out, StringComparison.Ordinal);
        Assert.Equal(0, Orchestrated.Run("context", "set", "other", "--server", "http://127.0.0.1:1").Code);
        Assert.Equal("no jobs\n", Orchestrated.Run("list").Out);
        Assert.Equal("team", JsonNode.Parse(Orchestrated.Run("submit", Place("alpaca.yaml"), "--json").Out)!["namespace"]!.GetValue<string>());
        Assert.Contains("alpaca", Orchestrated.Run("[suggest:19]", "orchestrator watch ").Out, StringComparison.Ordinal);
        Assert.Equal(0, Orchestrated.Run("context", "use", "other").Code);
        Assert.Equal(1, Orchestrated.Run("list").Code);
        Assert.Equal(2, Orchestrated.Run("context", "use", "third").Code);
        Assert.Equal(["lab", "other"], Orchestrated.Run("context", "list", "--json").Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!["name"]!.GetValue<string>()));
    }
}
