using Orchestrator.Harness;
using Orchestrator.Server;

namespace Orchestrator.Telemetry.Tests;

public sealed class ServerTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-server-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task A_server_shows_its_metrics_on_its_first_port_and_on_no_other()
    {
        var ports = FreePorts.InARow(5);
        var settings = ServerSettings.Read(new Dictionary<string, string?> { ["Ports"] = $"{ports}", ["Data"] = folder, ["Workers"] = "0", ["Name"] = "a" }, new Dictionary<string, string?>());
        await using var server = await ServerHost.Start(settings, TestContext.Current.CancellationToken);
        using var http = new HttpClient();
        var text = "";
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!text.Contains("orchestrator_database_up{otel_scope_name=\"Orchestrator\"} 1", StringComparison.Ordinal))
        {
            text = await http.GetStringAsync(new Uri(server.Http, "/metrics"), limit.Token);
            await Task.Delay(100, limit.Token);
        }
        Assert.Contains("orchestrator_exchange_sums_total", text, StringComparison.Ordinal);
        Assert.Contains("service_instance_id=\"a\"", text, StringComparison.Ordinal);
        using var wrong = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Api, "/metrics")) { Version = new Version(2, 0), VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        Assert.Equal(System.Net.HttpStatusCode.NotFound, (await http.SendAsync(wrong, limit.Token)).StatusCode);
    }
}
