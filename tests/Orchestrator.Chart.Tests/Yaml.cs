using System.Globalization;
using System.Text.Json.Nodes;
using YamlDotNet.RepresentationModel;
using YamlDotNet.Core;

namespace Orchestrator.Chart.Tests;

/// <summary>YAML as the API server reads it: into JSON, by the rules of YAML 1.1 for what is not quoted.</summary>
static class Yaml
{
    /// <summary>Every document of a stream that is not empty.</summary>
    public static IReadOnlyList<JsonObject> Documents(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return [.. stream.Documents.Select(document => ToJson(document.RootNode)).OfType<JsonObject>()];
    }

    /// <summary>A text with one document.</summary>
    public static JsonObject Document(string text) => Assert.Single(Documents(text));

    static JsonNode? ToJson(YamlNode node) => node switch
    {
        YamlMappingNode map => new JsonObject(Entries(map).Select(pair => KeyValuePair.Create(pair.Key, ToJson(pair.Value)))),
        YamlSequenceNode list => new JsonArray([.. list.Children.Select(ToJson)]),
        YamlScalarNode scalar => Scalar(scalar),
        _ => throw new NotSupportedException($"{node.NodeType} at line {node.Start.Line}"),
    };

    // << lays a map's entries under those that stand beside it.
    static Dictionary<string, YamlNode> Entries(YamlMappingNode map)
    {
        var entries = new Dictionary<string, YamlNode>();
        foreach (var (key, value) in map.Children.OrderBy(pair => ((YamlScalarNode)pair.Key).Value == "<<" ? 0 : 1))
            if (((YamlScalarNode)key).Value! is not "<<" and var name)
                entries[name] = value;
            else
                foreach (var (under, below) in Entries((YamlMappingNode)value))
                    entries[under] = below;
        return entries;
    }

    static JsonNode? Scalar(YamlScalarNode scalar)
    {
        var text = scalar.Value ?? "";
        if (scalar.Style != ScalarStyle.Plain)
            return text;
        return text switch
        {
            "" or "~" or "null" => null,
            "true" or "yes" or "on" or "y" => true,
            "false" or "no" or "off" or "n" => false,
            ['0', >= '0' and <= '7', ..] when text.All(char.IsDigit) => JsonNode.Parse(Convert.ToInt64(text, 8).ToString(CultureInfo.InvariantCulture)),
            _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => JsonNode.Parse(whole.ToString(CultureInfo.InvariantCulture)),
            _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && char.IsAsciiDigit(text[^1]) => JsonNode.Parse(number.ToString("R", CultureInfo.InvariantCulture)),
            _ => text,
        };
    }
}
