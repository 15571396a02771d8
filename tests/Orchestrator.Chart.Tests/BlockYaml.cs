using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Orchestrator.Chart.Tests;

/// <summary>JSON as block YAML, always in the same way: texts in double quotes where they could be anything else.</summary>
static class BlockYaml
{
    static readonly JsonSerializerOptions plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The document.</summary>
    public static string Of(JsonObject document)
    {
        var text = new StringBuilder();
        Write(text, document, 0);
        return text.ToString();
    }

    static void Write(StringBuilder text, JsonNode node, int indent)
    {
        if (node is JsonObject map)
            foreach (var (key, value) in map)
                Entry(text.Append(' ', indent).Append(key).Append(':'), value, indent);
        else
            foreach (var item in node.AsArray())
                Item(text, item!, indent);
    }

    static void Item(StringBuilder text, JsonNode item, int indent)
    {
        if (item is not JsonObject { Count: > 0 } map)
        {
            text.Append(' ', indent).Append("- ").Append(Scalar(item)).Append('\n');
            return;
        }
        foreach (var ((key, value), at) in map.Select((pair, at) => (pair, at)))
            Entry(text.Append(' ', indent).Append(at == 0 ? "- " : "  ").Append(key).Append(':'), value, indent + 2);
    }

    static void Entry(StringBuilder text, JsonNode? value, int indent)
    {
        if (value is JsonObject { Count: > 0 } || value is JsonArray { Count: > 0 } list && list.Any(item => item is JsonObject))
            Write(text.Append('\n'), value, indent + 2);
        else
            text.Append(' ').Append(Scalar(value)).Append('\n');
    }

    static string Scalar(JsonNode? node) => node switch
    {
        JsonObject => "{}",
        JsonArray list => $"[{string.Join(", ", list.Select(Scalar))}]",
        JsonValue value when value.GetValueKind() == JsonValueKind.String => IsPlain(value.ToString()) ? value.ToString() : value.ToJsonString(plain),
        JsonValue value when value.GetValueKind() == JsonValueKind.Number && value.TryGetValue<double>(out var number) => number.ToString("R", CultureInfo.InvariantCulture),
        null => "null",
        _ => node.ToJsonString(plain),
    };

    static bool IsPlain(string text)
        => text.Length > 0 && char.IsAsciiLetter(text[0]) && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '.' or '/' or '_')
           && text.ToLowerInvariant() is not ("true" or "false" or "null" or "yes" or "no" or "on" or "off" or "y" or "n");
}
