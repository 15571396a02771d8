using System.Text.RegularExpressions;
using Orchestrator.Api.V1;
using Orchestrator.Harness;
using File = System.IO.File;

namespace Orchestrator.Telemetry.Tests;

/// <summary>
/// The alerts that need a cluster, each fired by its own fault and gone when that is put right: real servers with a real database, and a real Prometheus that scrapes them. Those of a single process are in
/// <see cref="PrometheusTests"/>. The rules are the product's; only how long they wait and look back is shortened.
/// </summary>
[Collection(Alone.Name)]
public sealed partial class FaultsTests : IDisposable
{
    const string PeerName = "orchestrator.test";
    const string Space = "team";

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-faults-");
    readonly TestAuthority authority = new();

    public void Dispose()
    {
        authority.Dispose();
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Every_fault_fires_its_alert_and_what_puts_it_right_ends_it()
    {
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        var tls = Path.Combine(folder.FullName, "tls");
        // Server a hangs on its first micro-batch, b computes every thirtieth wrong; the one apart has a certificate that ends in ten days.
        var starting = Harness.Cluster.Of(servers: 4, workers: 1, new ClusterSetup
        {
            Environment = number => new Dictionary<string, string> { ["ORCHESTRATOR_MEMBERSHIP__PROBE"] = "00:00:05", [number == 1 ? "ORCHESTRATOR_DRILL_DELAY" : "ORCHESTRATOR_DRILL_MISCOMPUTE"] = number switch { 1 => "0:600000", 2 => "0:30", _ => "9:1" } },
        });
        await using var apart = await ServerProcess.Start("apart", Path.Combine(folder.FullName, "data"), workers: 0, environment: authority.Equip(tls, PeerName));
        await using var servers = await starting;
        await using var prometheus = await PrometheusServer.Start([.. servers.Servers.Select(server => server.Http), apart.Http], [.. PrometheusTests.Alerts.Select(file => Hastened(File.ReadAllText(file)))], Path.Combine(tls, "ca.crt"));

        var stalled = await servers.Submit(Spec("stalled"), Space, workers: 1);      // the first free one is a's
        await stalled.Is(job => job.Workers == 1, "has a's worker");
        var wrong = await servers.Submit(Spec("wrong") + "\naudit: { share: 1 }", Space, workers: 3);

        await Fires("OrchestratorCertificateRunsOut", "use=\"server\"");
        authority.Equip(tls, PeerName, authority.Give(PeerName, to: 20));
        await Ends("OrchestratorCertificateRunsOut");

        await Fires("OrchestratorWrongArithmetic");
        var starving = await servers.Submit(Spec("starving"), Space, workers: 2);      // b's is quarantined, all others are taken
        await Fires("OrchestratorQueueStarving");
        await wrong.Cancel();
        await Ends("OrchestratorQueueStarving");
        await starving.Cancel();
        await servers.Client.Ask((way, options) => new Workers.WorkersClient(way).UncordonAsync(new ServerRequest { Server = "b" }, options));
        await Ends("OrchestratorWrongArithmetic");

        var diverging = await servers.Submit(Spec("diverging", "method: full", "warmupEpochs: 4, learningRate: 0.3"), Space, workers: 1);
        await Fires("OrchestratorJobStalled", Of("stalled"));
        await stalled.Cancel();
        await servers.Server("a").Kill();      // a thread that hangs hears of nothing
        await Ends("OrchestratorJobStalled");

        await Fires("OrchestratorLossDiverging", Of("diverging"));
        await diverging.Cancel();
        await Ends("OrchestratorLossDiverging");

        await servers.Database.Halt();
        await Fires("OrchestratorDatabaseGone");
        await servers.Database.Go();
        await Ends("OrchestratorDatabaseGone");

        string Of(string job) => $"training_job=\"{Space}/{job}\"";

        Task Fires(string alert, string labels = "") => Until($"ALERTS{{alertname=\"{alert}\",alertstate=\"firing\",{labels}}}", fires: true);

        Task Ends(string alert) => Until($"ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}", fires: false);

        Task Until(string query, bool fires) => prometheus.Until($"{(fires ? "" : "no ")}{query}\n{servers.Logs()}", async () => (await prometheus.Now(query)).Count > 0 == fires);
    }

    static string Spec(string name, string adapter = "layers: 4", string training = "learningRate: 0.01")
    {
        var bundle = Path.Combine(AppContext.BaseDirectory, "Demo", "Bundle");
        return $$"""
            name: {{name}}
            model: { path: {{bundle}}/base }
            adapter: { {{adapter}} }
            data: { path: {{bundle}}/records.json, maxSequenceLength: 64, validation: 0 }
            training: { epochs: 100, globalBatchSize: 8, microBatchSize: 2, {{training}} }
            device: { kind: cpu }
            """;
    }

    // A quarter of an hour is looked back on as eight seconds, an hour of waiting is five, and what must last lasts a second.
    static string Hastened(string rules) => Hour().Replace(For().Replace(Back().Replace(rules, "[8s]"), "for: 1s"), "> 5");

    [GeneratedRegex(@"\[(15|30)m\]")]
    private static partial Regex Back();

    [GeneratedRegex(@"for: \d+m")]
    private static partial Regex For();

    [GeneratedRegex("> 3600")]
    private static partial Regex Hour();
}
