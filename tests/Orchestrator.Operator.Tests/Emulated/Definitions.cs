using System.Text.Json.Nodes;
using Orchestrator.Chart.Tests;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Orchestrator.Operator.Tests.Emulated;

/// <summary>The kinds that the emulated server has, <c>TrainingJob</c> as the chart defines it.</summary>
static class Definitions
{
    public const string Jobs = "trainingjobs";
    public const string Events = "events";
    public const string Sets = "statefulsets";

    static readonly Lazy<JsonObject> definition = new(() => Read(Checkout.Read("helm/orchestrator/crds/trainingjobs.yaml")));

    /// <summary>YAML of one document, as the API server reads it.</summary>
    public static JsonObject Read(string text)
    {
        var yaml = new YamlStream();
        yaml.Load(new StringReader(text));
        return ToJson(yaml.Documents[0].RootNode)!.AsObject();
    }

    /// <summary>The version of the definition.</summary>
    public static JsonObject Version => definition.Value["spec"]!["versions"]![0]!.AsObject();

    /// <summary>The schema of the whole resource.</summary>
    public static JsonObject Schema => Version["schema"]!["openAPIV3Schema"]!.AsObject();

    /// <summary>The columns that are shown without being asked for.</summary>
    public static IEnumerable<(string Name, string Type, string Path)> Columns
        => Version["additionalPrinterColumns"]!.AsArray().Where(column => column!["priority"] is null).Select(column => ($"{column!["name"]}", $"{column["type"]}", $"{column["jsonPath"]}"));

    static JsonNode? ToJson(YamlNode node) => node switch
    {
        YamlMappingNode map => new JsonObject(map.Children.Select(pair => KeyValuePair.Create(((YamlScalarNode)pair.Key).Value!, ToJson(pair.Value)))),
        YamlSequenceNode list => new JsonArray([.. list.Children.Select(ToJson)]),
        YamlScalarNode { Style: ScalarStyle.Plain, Value: { } text } when text is "true" or "false" || double.TryParse(text, out _) => JsonNode.Parse(text),
        YamlScalarNode scalar => scalar.Value,
        _ => null,
    };
}
