using System.Text.Json.Nodes;

namespace Orchestrator.Telemetry.Tests;

/// <summary>A dashboard's queries.</summary>
sealed record Dashboard(string Name, JsonObject Json)
{
    public static IReadOnlyList<Dashboard> All { get; } =
        [.. Directory.GetFiles(Repository.PathOf("helm/orchestrator/files/dashboards"), "*.json").Order()
            .Select(file => new Dashboard(Path.GetFileNameWithoutExtension(file), JsonNode.Parse(File.ReadAllText(file))!.AsObject()))];

    /// <summary>Panels that are no rows.</summary>
    public IEnumerable<JsonObject> Panels => Json["panels"]!.AsArray().Select(panel => panel!.AsObject()).Where(panel => (string?)panel["type"] != "row");

    /// <summary>What is asked: each panel's targets, and the annotations, with the place that asks.</summary>
    public IEnumerable<(string Place, string Query)> Queries =>
    [
        .. from panel in Panels from target in panel["targets"]!.AsArray() select ($"{Name}: {panel["title"]}", (string)target!["expr"]!),
    ];

    /// <summary>What the annotations ask: mostly for nothing, since mostly nothing happens.</summary>
    public IEnumerable<(string Place, string Query)> Annotations => from annotation in Json["annotations"]!["list"]!.AsArray() select ($"{Name}: {annotation!["name"]}", (string)annotation["expr"]!);

    /// <summary>What the variables ask for, as <c>label_values(series, label)</c>.</summary>
    public IEnumerable<(string Series, string Label)> Variables =>
        from variable in Json["templating"]!["list"]!.AsArray()
        where (string?)variable!["type"] == "query"
        let parts = ((string)variable["definition"]!)["label_values(".Length..^1].Split(", ")
        select (parts[0], parts[1]);

    /// <summary>A query as Grafana would send it.</summary>
    public static string Filled(string query, string job) => query.Replace("$__rate_interval", "5s", StringComparison.Ordinal).Replace("$__interval", "2s", StringComparison.Ordinal)
        .Replace("$training_job", job, StringComparison.Ordinal).Replace("$instance", ".*", StringComparison.Ordinal);
}
