using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Orchestrator.Chart.Tests;

/// <summary>A value of the chart.</summary>
/// <param name="Path">where it stands: <c>workers.replicas</c></param>
/// <param name="Default">what it is where nobody says otherwise</param>
/// <param name="Says">what the comment above it says</param>
sealed record ChartValue(string Path, JsonNode? Default, string Says);

/// <summary>Reads <c>values.yaml</c> with its comments.</summary>
static partial class ValuesFile
{
    /// <summary>What a value is whose keys are the user's own, so that it counts as one.</summary>
    static readonly string[] whole = ["resources", "nodeSelector", "affinity", "podLabels", "podAnnotations", "annotations", "labels"];

    /// <summary>The chart's values, in their order.</summary>
    public static IReadOnlyList<ChartValue> Read() => Read(Checkout.Read("helm/orchestrator/values.yaml"));

    /// <summary>The values of a text in block style, each with the comment lines right above it.</summary>
    public static IReadOnlyList<ChartValue> Read(string text)
    {
        var comments = CommentsOf(text);
        return [.. Leaves(Yaml.Document(text), "").Select(leaf => new ChartValue(leaf.Path, leaf.Value, comments.GetValueOrDefault(leaf.Path, "")))];
    }

    /// <summary>What is said above a group.</summary>
    public static string OfGroup(string path) => CommentsOf(Checkout.Read("helm/orchestrator/values.yaml")).GetValueOrDefault(path, "");

    static IEnumerable<(string Path, JsonNode? Value)> Leaves(JsonObject map, string under)
        => map.SelectMany(pair => pair.Value is JsonObject { Count: > 0 } inner && !whole.Contains(pair.Key) ? Leaves(inner, $"{under}{pair.Key}.") : [($"{under}{pair.Key}", pair.Value)]);

    static Dictionary<string, string> CommentsOf(string text)
    {
        var comments = new Dictionary<string, string>();
        var path = new Stack<(int Indent, string Key)>();
        var above = new List<string>();
        foreach (var line in text.Split('\n'))
            if (Comment().Match(line) is { Success: true } comment)
                above.Add(comment.Groups[1].Value);
            else if (Key().Match(line) is { Success: true } key)
            {
                var indent = key.Groups[1].Length;
                while (path.TryPeek(out var top) && top.Indent >= indent)
                    path.Pop();
                path.Push((indent, key.Groups[2].Value));
                comments.TryAdd(string.Join('.', path.Reverse().Select(item => item.Key)), string.Join(' ', above));
                above.Clear();
            }
            else
                above.Clear();
        return comments;
    }

    [GeneratedRegex(@"^\s*# ?(.*)$")]
    private static partial Regex Comment();

    [GeneratedRegex(@"^( *)([A-Za-z]+):")]
    private static partial Regex Key();
}
