using System.Text.Json.Nodes;

namespace Orchestrator.Chart.Tests;

/// <summary>Short ways into a manifest.</summary>
static class Nodes
{
    /// <summary>What stands at a path of keys, or null.</summary>
    public static JsonNode? At(this JsonNode? node, string path)
        => path.Split('.').Aggregate(node, (at, key) => at is JsonObject map ? map[key] : null);

    /// <summary>The text at a path, or null; a number as it is written.</summary>
    public static string? Text(this JsonNode? node, string path) => node.At(path)?.ToString();

    /// <summary>A manifest's name.</summary>
    public static string Name(this JsonObject manifest) => manifest.Text("metadata.name")!;

    /// <summary>The list at a path; an empty one where there is none.</summary>
    public static IEnumerable<JsonNode> List(this JsonNode? node, string path) => node.At(path)?.AsArray().Select(item => item!) ?? [];

    /// <summary>Whether labels have all that a selector asks for.</summary>
    public static bool Selects(this JsonNode? selector, JsonObject labels) => selector is JsonObject wanted && wanted.All(pair => labels[pair.Key]?.ToString() == pair.Value!.ToString());
}

/// <summary>What breaks a rule.</summary>
static class Breaches
{
    /// <summary>Fails with every one of them, each on its line.</summary>
    public static void None(IEnumerable<string> found)
    {
        var breaches = found.ToList();
        Assert.True(breaches.Count == 0, string.Join(Environment.NewLine, breaches));
    }
}
