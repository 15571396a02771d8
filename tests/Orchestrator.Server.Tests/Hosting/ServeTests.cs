using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Orchestrator.Harness;

namespace Orchestrator.Server.Tests.Hosting;

/// <summary>Real processes and real signals.</summary>
public sealed class ServeTests : IDisposable
{
    readonly DirectoryInfo data = Directory.CreateTempSubdirectory("orchestrator-serve-");

    [Fact]
    public async Task A_server_alone_needs_nothing_is_ready_and_leaves_within_a_second()
    {
        await using var server = await ServerProcess.Start("a", data.FullName, workers: 0);
        using var http = new HttpClient();
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(new Uri(server.Http, "/healthz"), Token)).StatusCode);
        using var ready = JsonDocument.Parse(await http.GetStringAsync(new Uri(server.Http, "/readyz"), Token));
        Assert.Equal(("Healthy", "Healthy", "Healthy"), (Word("status"), Word("silo"), Word("database")));
        var began = Stopwatch.GetTimestamp();
        Assert.Equal(0, await server.Terminate());
        Assert.InRange(Stopwatch.GetElapsedTime(began).TotalSeconds, 0, LeaveSecondsMax);

        string Word(string name) => ready.RootElement.GetProperty(name).GetString()!;
    }

    [Fact]
    public async Task What_belongs_to_one_port_does_not_answer_on_another()
    {
        await using var server = await ServerProcess.Start("a", data.FullName, workers: 0);
        using var http = new HttpClient { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        foreach (var port in new[] { server.Api, server.Exchange })
            Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri(port, "/healthz"), Token)).StatusCode);
    }

    [Fact]
    public async Task A_server_that_was_killed_takes_its_place_again()
    {
        await using var server = await ServerProcess.Start("a", data.FullName, workers: 0);
        await server.Kill();
        Assert.False(await server.IsReady());
        await server.Again();
        Assert.Equal(0, await server.Terminate());
    }

    [Fact]
    public async Task A_second_signal_ends_the_process_at_once()
    {
        await using var server = await ServerProcess.Start("a", data.FullName, workers: 0);
        server.Freeze();      // both signals are there before it can go by itself
        server.AskToStop();
        server.Thaw();
        await server.Says("interrupted:");
        if (server.IsAlive)
            server.AskToStop();
        Assert.Contains(await server.Gone(), (int[])[0, 130]);      // 0 where it was faster than the second
    }

    [Fact]
    public async Task A_port_that_is_taken_is_named()
    {
        await using var first = await ServerProcess.Start("a", data.FullName, workers: 0);
        await using var second = ServerProcess.Begin("b", Path.Combine(data.FullName, "b"), workers: 0, ports: first.Ports + 1);
        Assert.Equal(2, await second.Gone());
        Assert.Contains($"--ports: 127.0.0.1:{first.Ports + 1} for HTTP", second.Log, StringComparison.Ordinal);
        Assert.Contains($"five free ports from {first.Ports + 1} on expected", second.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_servers_without_a_database_do_not_share_a_folder()
    {
        await using var first = await ServerProcess.Start("a", data.FullName, workers: 0);
        await using var second = ServerProcess.Begin("b", data.FullName, workers: 0);
        Assert.Equal(2, await second.Gone());
        Assert.Contains("servers that share a folder need a --database", second.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Beyond_loopback_a_server_does_not_start_unless_somebody_says_that_it_may_be_insecure()
    {
        await using var refused = ServerProcess.Begin("a", data.FullName, workers: 0, more: ["--listen", "0.0.0.0"]);
        Assert.Equal(2, await refused.Gone());
        Assert.Contains("--listen: 0.0.0.0 without TLS and authentication found, loopback expected", refused.Log, StringComparison.Ordinal);
        await using var allowed = await ServerProcess.Start("a", data.FullName, workers: 0, more: ["--listen", "0.0.0.0", "--advertise", "127.0.0.1", "--insecure"]);
        Assert.Contains("INSECURE", allowed.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_log_for_programs_is_an_object_a_line()
    {
        await using var server = await ServerProcess.Start("a", data.FullName, workers: 0, more: ["--log", "json"]);
        using var line = JsonDocument.Parse(await server.Says("serves on"));
        Assert.Equal("a", line.RootElement.GetProperty("State").GetProperty("Name").GetString());
    }

    // A second is what it has when the machine is its own; under other tests it gets less of the processor.
    const double LeaveSecondsMax = 3;

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => data.Delete(recursive: true);
}
