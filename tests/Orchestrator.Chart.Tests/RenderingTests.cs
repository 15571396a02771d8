using System.Text.Json.Nodes;

namespace Orchestrator.Chart.Tests;

/// <summary>What helm 3 and helm 4 make of the chart, for every file of values.</summary>
public class RenderingTests
{
    [Theory, MemberData(nameof(Release.All), MemberType = typeof(Release))]
    public void It_renders_and_lints_without_a_warning(string values, int helm)
    {
        Assert.NotEmpty(Release.Of(values, helm).Manifests);
        var (code, output, errors) = Release.Helm(helm, ["lint", "--strict", Checkout.Chart, "-n", Release.Namespace, "-f", Release.FileOf(values)]);
        Assert.True(code == 0 && !output.Contains("[WARNING]", StringComparison.Ordinal) && !output.Contains("[ERROR]", StringComparison.Ordinal), output + errors);
    }

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void Both_helms_make_the_same_of_it(string values)
    {
        static IEnumerable<string> WithoutSecrets(Release release) => release.Manifests.Where(manifest => manifest.Text("kind") != "Secret").Select(manifest => manifest.ToJsonString()).Order();

        Assert.Equal(WithoutSecrets(Release.Of(values, 3)), WithoutSecrets(Release.Of(values, 4)));
    }

    [Fact]
    public void Every_manifest_is_one_that_Kubernetes_takes()
        => Breaches.None(WrongIn([.. from values in Release.Names
                                     from manifest in Release.Of(values).Manifests
                                     select ($"{values}: {manifest.Text("kind")} {manifest.Name()}", manifest)]));

    [Fact]
    public void A_manifest_that_Kubernetes_would_refuse_is_found()
    {
        static JsonObject Sound() => Release.Of("trial").The(Kind.StatefulSet, "-workers").DeepClone().AsObject();
        var (missing, unknown, mistyped, word, kind) = (Sound(), Sound(), Sound(), Sound(), Sound());
        missing["spec"]!.AsObject().Remove("selector");
        unknown.At("spec.template.spec")!["tolerationss"] = new JsonArray();
        mistyped["spec"]!["replicas"] = "two";
        word["spec"]!["podManagementPolicy"] = "Sometimes";
        kind["kind"] = "StatefulSets";

        var wrong = WrongIn([("sound", Sound()), ("missing", missing), ("unknown", unknown), ("mistyped", mistyped), ("word", word), ("kind", kind)]);

        Assert.Equal(["kind", "missing", "mistyped", "unknown", "word"], wrong.Select(line => line.Split(':')[0]).Distinct().Order());
    }

    [Fact]
    public void Names_are_the_release_s_own_so_that_two_releases_share_a_namespace()
        => Breaches.None(from values in Release.Names.Where(name => name != "ingress")     // it has names of its own
                         from manifest in Release.Of(values).Manifests
                         where !manifest.Name().StartsWith("release-orchestrator", StringComparison.Ordinal)
                         select $"{values}: {manifest.Text("kind")} {manifest.Name()}");

    [Fact]
    public void Every_dashboard_and_every_alert_of_the_chart_is_in_it()
    {
        var release = Release.Of("production");
        var dashboards = FilesIn("dashboards", "*.json");
        Assert.Equal(dashboards, release.Of(Kind.ConfigMap).Where(map => map.At("metadata.labels")!["grafana_dashboard"] is not null)
            .Select(map => Assert.Single(map["data"]!.AsObject()).Key).Order());
        Assert.All(release.Of(Kind.ConfigMap).SelectMany(map => map["data"]!.AsObject()).Where(entry => dashboards.Contains(entry.Key)), entry => JsonNode.Parse(entry.Value!.ToString()));

        var groups = FilesIn("alerts", "*.yaml").SelectMany(file => Yaml.Document(Checkout.Read($"helm/orchestrator/files/alerts/{file}")).List("groups")).Select(group => group.Text("name")).ToList();
        Assert.Equal(groups, release.Of(Kind.PrometheusRule).SelectMany(rule => rule.List("spec.groups")).Select(group => group.Text("name")));
    }

    [Fact]
    public void A_dashboard_and_an_alert_that_are_put_into_the_chart_come_out_as_they_are()
    {
        var copy = Directory.CreateTempSubdirectory("chart");
        try
        {
            foreach (var file in Directory.GetFiles(Checkout.Chart, "*", SearchOption.AllDirectories))
            {
                var target = Path.Combine(copy.FullName, Path.GetRelativePath(Checkout.Chart, file));
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(file, target);
            }
            foreach (var folder in new[] { "dashboards", "alerts" })
                Directory.CreateDirectory(Path.Combine(copy.FullName, "files", folder));
            const string dashboard = """{ "title": "One more", "panels": [{ "legendFormat": "{{worker}} 100 %" }] }""";
            File.WriteAllText(Path.Combine(copy.FullName, "files", "dashboards", "One-More.json"), dashboard);
            File.WriteAllText(Path.Combine(copy.FullName, "files", "alerts", "one-more.yaml"),
                """groups: [{ name: one-more, rules: [{ alert: OneMore, expr: "up == 0", for: 5m, annotations: { summary: "{{ $labels.job }} is {{ $value | humanize }}" } }] }]""");

            var (code, output, errors) = Release.Helm(4, ["template", "release", copy.FullName, "-n", Release.Namespace, "-f", Release.FileOf("production")]);

            Assert.True(code == 0, errors);
            var manifests = Yaml.Documents(output);
            var map = Assert.Single(manifests, manifest => manifest.Name() == "release-orchestrator-dashboard-one-more");
            Assert.Equal(dashboard, map["data"]!["One-More.json"]!.ToString().TrimEnd());
            Assert.Equal("1", map["metadata"]!["labels"]!["grafana_dashboard"]!.ToString());
            var rules = Assert.Single(manifests, manifest => manifest.Text("kind") == "PrometheusRule");
            var alert = rules.List("spec.groups").Single(group => group.Text("name") == "one-more").List("rules").Single();
            Assert.Equal("{{ $labels.job }} is {{ $value | humanize }}", alert.Text("annotations.summary"));
            Assert.Empty(WrongIn([("map", map), ("rules", rules)]));
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }

    static List<string> FilesIn(string folder, string pattern)
        => Directory.Exists(Path.Combine(Checkout.Chart, "files", folder))
            ? [.. Directory.GetFiles(Path.Combine(Checkout.Chart, "files", folder), pattern).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal)]
            : [];

    static List<string> WrongIn(IReadOnlyList<(string Name, JsonObject Manifest)> manifests)
        => [.. Packages.Ask("validate.mjs", new JsonArray([.. manifests.Select(item => new JsonObject { ["name"] = item.Name, ["manifest"] = item.Manifest.DeepClone() })]))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)];
}
