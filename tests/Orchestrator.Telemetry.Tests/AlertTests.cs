using YamlDotNet.Serialization;

namespace Orchestrator.Telemetry.Tests;

/// <summary>The alerts, by Prometheus' own tool: their rules hold, and each fires on its fault and on nothing else (<c>Alerts/NAME.yaml</c>).</summary>
public sealed class AlertTests
{
    static readonly string alerts = Repository.PathOf("helm/orchestrator/files/alerts");
    static readonly string cases = Repository.PathOf("tests/Orchestrator.Telemetry.Tests/Alerts");

    public static TheoryData<string> Names => [.. Directory.GetFiles(alerts, "*.yaml").Select(file => Path.GetFileNameWithoutExtension(file)).Order()];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task An_alert_fires_on_its_fault_and_on_nothing_else(string name)
    {
        Assert.Equal((0, ""), await Programs.Run("promtool", "check", "rules", Path.Combine(alerts, name + ".yaml")));
        Assert.Equal((0, ""), await Programs.Run("promtool", "test", "rules", Path.Combine(cases, name + ".yaml")));
        Assert.Contains("exp_labels", await File.ReadAllTextAsync(Path.Combine(cases, name + ".yaml"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void An_alert_has_a_runbook_of_its_name_that_says_what_to_see_and_to_do(string name)
    {
        var file = new DeserializerBuilder().Build().Deserialize<Dictionary<string, List<Dictionary<string, object>>>>(File.ReadAllText(Path.Combine(alerts, name + ".yaml")));
        var rule = (Dictionary<object, object>)((List<object>)file["groups"].Single()["rules"]).Single();
        Assert.Equal(name, rule["alert"]);
        Assert.Contains(((Dictionary<object, object>)rule["labels"])["severity"], new[] { "critical", "warning" });
        Assert.Equal(name + ".md", ((Dictionary<object, object>)rule["annotations"])["runbook"]);
        var book = File.ReadAllText(Path.Combine(alerts, name + ".md"));
        Assert.StartsWith("# ", book, StringComparison.Ordinal);
        Assert.Contains("**See**", book, StringComparison.Ordinal);
        Assert.Contains("**Do**", book, StringComparison.Ordinal);
    }
}
