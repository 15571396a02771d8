using System.Globalization;
using System.Text.RegularExpressions;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Engine.Tests;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Telemetry.Tests;

/// <summary>A real Prometheus watches real jobs through a kill, resizes, failing checkpoints and a loss that is not finite; then everything that a dashboard or an alert asks is asked.</summary>
[Collection(Alone.Name)]
public sealed partial class PrometheusTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-broken-base-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    internal static IReadOnlyList<string> Alerts => alerts;

    static readonly string[] alerts = [.. Directory.GetFiles(Repository.PathOf("helm/orchestrator/files/alerts"), "*.yaml").Order()];

    [Fact]
    public async Task Every_query_of_every_panel_and_alert_answers_and_faults_fire_their_alerts()
    {
        await using var host = await TrainingHost.Start();
        // What this host has not: a scheduler, a database, certificates, a GPU.
        host.Metrics.DatabaseIs(up: true);
        host.Metrics.QuarantinedAre(0);
        host.Metrics.QueueIs((1, TimeSpan.FromSeconds(20)));
        host.Metrics.Watch("server", () => DateTimeOffset.UtcNow.AddDays(90).ToUnixTimeSeconds());
        var cpu = new Devices();
        host.Metrics.Watch(() => [.. cpu.Read(), new DeviceReading("cuda:0", 8e9, 80e9, 97, 61)]);
        await using var prometheus = await PrometheusServer.Start(host.Port, [.. alerts.Select(file => Hastened(File.ReadAllText(file)))]);
        var from = DateTimeOffset.UtcNow;

        var job = await host.Submit("story", epochs: 100_000);
        await job.Offer(3);
        await job.Until(news => news.Checkpoint is not null);
        await Seen("sum(orchestrator_job_checkpoints_total) > 0");
        for (var kill = 1; kill <= 6; kill++)      // what OrchestratorWorkerFlapping is about
        {
            host.Metrics.JobStarted(TimeSpan.FromSeconds(kill));
            Assert.True(job.Kill(2));
            await Seen($"sum(orchestrator_job_generations_total{{cause=\"loss\"}}) >= {kill}");
            await job.Offer(2);
            await job.Offer(3);
            await Seen("orchestrator_job_workers_present{training_job=\"story\"} == 3");
        }
        await Fires("OrchestratorWorkerFlapping", "story");
        var full = await host.Submit("full", epochs: 100_000);
        if (Directory.Exists(full.Run.Checkpoints))
            Directory.Delete(full.Run.Checkpoints, recursive: true);
        await File.WriteAllTextAsync(full.Run.Checkpoints, "in the way of the folder", TestContext.Current.CancellationToken);
        await full.Offer(1);
        await Fires("OrchestratorCheckpointsFailing", "full");
        await full.Grain.Cancel();

        var hot = await host.Submit("hot", epochs: 1, spec => spec with { Model = new ModelSpec { Path = BrokenBase() }, Adapter = new AdapterSpec { Layers = 2, Length = 4 } });
        await hot.Offer(1);
        await Fires("OrchestratorLossNotFinite", "hot");
        Assert.Equal(JobPhase.Failed, (await hot.Grain.Snapshot()).Phase);

        await Fires("OrchestratorGoodputLow", "story");      // four micro-batches on three workers: a third of the time somebody waits
        await job.Offer(1);
        await Seen("orchestrator_job_workers_present{training_job=\"story\"} == 1");
        foreach (var dashboard in Dashboard.All)
            await Picture.Draw(dashboard, prometheus, "story", from, folder);

        var silent = new List<string>();
        foreach (var (place, query) in Dashboard.All.SelectMany(dashboard => dashboard.Queries))
        {
            var series = await prometheus.Range(Dashboard.Filled(query, "story"), from);
            if (!series.Any(one => one.Values.Any(double.IsFinite)))
                silent.Add($"{place}: no number from {query}");
        }
        Assert.True(silent.Count == 0, string.Join('\n', silent));
        foreach (var (place, query) in Dashboard.All.SelectMany(dashboard => dashboard.Annotations))
            Assert.NotNull(await prometheus.Range(Dashboard.Filled(query, ".*"), from));
        foreach (var (series, label) in Dashboard.All.SelectMany(dashboard => dashboard.Variables))
            Assert.NotEmpty(await prometheus.Now($"count by ({label}) ({series}{{{label}!=\"\"}})"));

        foreach (var name in alerts.SelectMany(file => OurSeries().Matches(File.ReadAllText(file)).Select(match => match.Value)).Distinct())
            Assert.True((await prometheus.Range($"count({name})", from)).Count == 1, $"an alert asks for {name}, which nobody tells");
        var rules = (await prometheus.Ask("/api/v1/rules"))["groups"]!.AsArray().SelectMany(group => group!["rules"]!.AsArray()).ToList();
        Assert.Equal(alerts.Length, rules.Count);
        Assert.All(rules, rule => Assert.True((string?)rule!["health"] == "ok", $"{rule["name"]}: {rule["lastError"]}"));
        Assert.Equal("", prometheus.Said);

        Task Seen(string query) => prometheus.Until(query, async () => (await prometheus.Now(query)).Count > 0);

        Task Fires(string alert, string of) => Seen($"ALERTS{{alertname=\"{alert}\",alertstate=\"firing\",training_job=\"{of}\"}}");
    }

    // A base whose last weights are no numbers.
    string BrokenBase()
    {
        var path = Path.Combine(folder, "base");
        RandomBase.Write(path, vocabulary: 96, dim: 32, layers: 2, heads: 4, hidden: 64);
        using var weights = new FileStream(Path.Combine(path, "model.safetensors"), FileMode.Open);
        weights.Seek(-32 * sizeof(float), SeekOrigin.End);
        for (var i = 0; i < 32; i++)
            weights.Write([0, 0, 0xC0, 0x7F]);
        return path;
    }

    // A minute passes in a second, or in three where it is looked back on, so that a test need not last for half an hour.
    static string Hastened(string rules) => Duration().Replace(rules, match =>
        $"{match.Groups["open"].Value}{int.Parse(match.Groups["n"].Value, CultureInfo.InvariantCulture) * (match.Groups["open"].Value == "[" ? 3 : 1)}s{match.Groups["close"].Value}");

    [GeneratedRegex("(?<open>\\[|for: )(?<n>\\d+)m(?<close>\\]|$)", RegexOptions.Multiline)]
    private static partial Regex Duration();

    [GeneratedRegex("orchestrator_[a-z_]+")]
    private static partial Regex OurSeries();
}
