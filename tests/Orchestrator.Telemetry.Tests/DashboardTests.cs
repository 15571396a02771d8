using System.Security.Cryptography;

namespace Orchestrator.Telemetry.Tests;

/// <summary>The dashboards, by Grafana's own schema and Prometheus' own grammar. The packages that know them are pinned by <c>Tools/package-lock.json</c> and fetched once, beside the tests' output.</summary>
public sealed class DashboardTests : IDisposable
{
    static readonly Lazy<Task<string>> packages = new(Fetch);

    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-dashboards-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Every_dashboard_is_what_Grafanas_schema_says()
        => Assert.Equal((0, ""), await Check([.. Dashboard.All.Select(dashboard => Repository.PathOf($"helm/orchestrator/files/dashboards/{dashboard.Name}.json"))]));

    [Theory]
    [InlineData("\"placement\": \"bottom\"", "\"placment\": \"bottom\"")]
    [InlineData("\"drawStyle\": \"line\"", "\"drawStyle\": \"lines\"")]
    [InlineData("\"x\": 0,", "\"x\": \"0\",")]
    [InlineData("\"schemaVersion\"", "\"schemaVersions\"")]
    [InlineData("max(orchestrator_job_loss", "max((orchestrator_job_loss")]
    public async Task A_slip_in_a_dashboard_is_found(string right, string wrong)
    {
        var text = await File.ReadAllTextAsync(Repository.PathOf("helm/orchestrator/files/dashboards/job.json"), TestContext.Current.CancellationToken);
        Assert.Contains(right, text, StringComparison.Ordinal);
        var slipped = Path.Combine(folder, "slip.json");
        await File.WriteAllTextAsync(slipped, text.Replace(right, wrong, StringComparison.Ordinal), TestContext.Current.CancellationToken);
        Assert.Equal(1, (await Check(slipped)).Code);
    }

    [Fact]
    public void A_person_on_call_finds_titles_units_and_words()
    {
        Assert.Equal(["cluster", "job", "reliability"], Dashboard.All.Select(dashboard => dashboard.Name));
        Assert.Equal(Dashboard.All.Count, Dashboard.All.Select(dashboard => (string)dashboard.Json["uid"]!).Distinct().Count());
        foreach (var (dashboard, panel) in from dashboard in Dashboard.All from panel in dashboard.Panels select (dashboard, panel))
        {
            Assert.False(string.IsNullOrEmpty((string?)panel["title"]), $"{dashboard.Name}: a panel without a title");
            Assert.True((string)panel["type"]! is "table" or "state-timeline" || panel["fieldConfig"]!["defaults"]!["unit"] is not null, $"{dashboard.Name}: {panel["title"]} has no unit");
        }
    }

    static async Task<(int Code, string Said)> Check(params string[] dashboards)
        => await Programs.Run("node", [Repository.PathOf("tests/Orchestrator.Telemetry.Tests/Tools/check-dashboards.mjs"), await packages.Value, .. dashboards]);

    static async Task<string> Fetch()
    {
        var tools = Repository.PathOf("tests/Orchestrator.Telemetry.Tests/Tools");
        var mark = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(tools, "package-lock.json"))))[..16];
        var target = Path.Combine(AppContext.BaseDirectory, "packages", mark);
        if (Directory.Exists(target))
            return target;
        var made = target + ".new";
        if (Directory.Exists(made))
            Directory.Delete(made, recursive: true);
        Directory.CreateDirectory(made);
        foreach (var file in new[] { "package.json", "package-lock.json" })
            File.Copy(Path.Combine(tools, file), Path.Combine(made, file));
        Assert.Equal((0, ""), await Programs.RunIn(made, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"));
        Directory.Move(made, target);
        return target;
    }
}
