using System.Collections.Concurrent;
using System.Text.Json.Nodes;

namespace Orchestrator.Chart.Tests;

/// <summary>What helm makes of the chart for one file of values.</summary>
sealed class Release
{
    /// <summary>The namespace of every release here.</summary>
    public const string Namespace = "train";

    static readonly ConcurrentDictionary<(int, string), Release> rendered = new();

    Release(IReadOnlyList<JsonObject> manifests) => Manifests = manifests;

    /// <summary>The names of the files of values in <c>ci/</c>: <c>trial</c>.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. Directory.GetFiles(Path.Combine(Checkout.Chart, "ci"), "*-values.yaml").Select(file => Path.GetFileName(file).Replace("-values.yaml", "", StringComparison.Ordinal)).Order()];

    /// <summary>Every file of values under every helm.</summary>
    public static TheoryData<string, int> All { get; } = [.. Names.SelectMany(name => new[] { 3, 4 }.Select(major => new TheoryDataRow<string, int>(name, major)))];

    /// <summary>Every file of values.</summary>
    public static TheoryData<string> Each { get; } = [.. Names];

    /// <summary>Every manifest, in helm's order.</summary>
    public IReadOnlyList<JsonObject> Manifests { get; }

    /// <summary>The file of values of a name.</summary>
    public static string FileOf(string name) => Path.Combine(Checkout.Chart, "ci", $"{name}-values.yaml");

    /// <summary>Renders the values of <c>ci/NAME-values.yaml</c>, once.</summary>
    public static Release Of(string name, int helm = 3) => rendered.GetOrAdd((helm, name), _ => With(name, helm));

    /// <summary>Renders the values of <c>ci/NAME-values.yaml</c> with others laid over them: <c>workers.replicas=3</c>.</summary>
    public static Release With(string name, int helm = 3, params string[] sets)
    {
        var (code, output, errors) = Helm(helm, ["template", "release", Checkout.Chart, "-n", Namespace, "-f", FileOf(name), .. sets.SelectMany(set => new[] { "--set", set })]);
        Assert.True(code == 0, errors);
        return new(Yaml.Documents(output));
    }

    /// <summary>Runs helm, with a home of its own.</summary>
    public static (int Code, string Output, string Errors) Helm(int major, IEnumerable<string> arguments)
    {
        var home = Path.Combine(Packages.Folder, $"home-{major}");
        return Checkout.Run(Packages.Helm(major), arguments,
            environment: new Dictionary<string, string> { ["HELM_CACHE_HOME"] = home, ["HELM_CONFIG_HOME"] = home, ["HELM_DATA_HOME"] = home, ["KUBECONFIG"] = "/dev/null" });
    }

    /// <summary>The manifests of a kind.</summary>
    public IEnumerable<JsonObject> Of(Kind kind) => Manifests.Where(manifest => manifest.Text("kind") == kind.ToString());

    /// <summary>The only one of a kind whose name ends so.</summary>
    public JsonObject The(Kind kind, string end) => Assert.Single(Of(kind), manifest => manifest.Name().EndsWith(end, StringComparison.Ordinal));

    /// <summary>Every pod: of stateful sets, and those that stand alone; with a name for messages.</summary>
    public IEnumerable<(string Name, JsonObject Labels, JsonObject Spec)> Pods()
        => Manifests.Where(manifest => manifest.Text("kind") is "Pod" or "StatefulSet" or "Deployment" or "Job")
            .Select(manifest => manifest.Text("kind") == "Pod" ? (manifest, pod: manifest) : (manifest, pod: manifest.At("spec.template")!.AsObject()))
            .Select(item => (item.manifest.Name(), item.pod.At("metadata.labels")!.AsObject(), item.pod["spec"]!.AsObject()));

    /// <summary>Every container, the first of them included.</summary>
    public IEnumerable<(string Name, JsonObject Pod, JsonObject Container)> Containers()
        => from pod in Pods()
           from list in new[] { "initContainers", "containers" }
           from container in pod.Spec[list]?.AsArray() ?? []
           select ($"{pod.Name}/{container!.AsObject().Text("name")}", pod.Spec, container.AsObject());
}

/// <summary>Kinds that the tests ask for.</summary>
enum Kind
{
    ConfigMap, Secret, Service, StatefulSet, NetworkPolicy, PodDisruptionBudget, Role, ClusterRole, ClusterRoleBinding, RoleBinding, ServiceAccount, PersistentVolumeClaim,
    Ingress, Certificate, ServiceMonitor, PrometheusRule, Pod,
}
