using System.Globalization;
using System.Text.Json.Nodes;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Orchestrator.Server.Specs;

/// <summary>The value that a YAML node gives a key, or what is wrong with it.</summary>
static class SpecValue
{
    /// <returns>the value as JSON, or a problem whose place is the key's path</returns>
    public static (JsonNode? Value, Problem? Problem) Of(SpecKey key, YamlNode node)
    {
        if (key.Kind == SpecKind.Numbers)
            return OfNumbers(key, node);
        if (node is not YamlScalarNode scalar)
            return (null, new(key.Path, node is YamlMappingNode ? "a group of keys" : "a list", key.Expects));
        if (IsNull(scalar))
            return key.Optional ? (null, null) : (null, new(key.Path, "nothing", key.Expects));

        var text = scalar.Value!;
        JsonNode? value = key.Kind switch
        {
            SpecKind.Text => key.OneOf?.Contains(text) == false ? null : text,
            SpecKind.Flag when IsPlain(scalar) && text is "true" or "false" => text == "true",
            SpecKind.Whole when IsPlain(scalar) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => FitsItsProperty(key, whole) ? whole : null,
            SpecKind.Number => NumberOf(scalar),
            _ => null,
        };
        return value is not null ? (value, null) : (null, new(key.Path, $"'{text}'", key.Expects, Remedy(key, scalar)));
    }

    static (JsonNode? Value, Problem? Problem) OfNumbers(SpecKey key, YamlNode node)
    {
        if (node is not YamlSequenceNode list)
            return (null, new(key.Path, node is YamlScalarNode { Value: { Length: > 0 } text } ? $"'{text}'" : "no list", key.Expects));
        var numbers = new JsonArray();
        for (var i = 0; i < list.Children.Count; i++)
        {
            if (NumberOf(list.Children[i] as YamlScalarNode) is not { } number)
                return (null, new($"{key.Path}[{i}]", $"'{list.Children[i]}'", "a number"));
            numbers.Add(number);
        }
        return (numbers, null);
    }

    static JsonNode? NumberOf(YamlScalarNode? scalar)
        => scalar is not null && IsPlain(scalar) && double.TryParse(scalar.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? number
            : null;

    // A count that no int holds is out of every count's range; only the seed is a long.
    static bool FitsItsProperty(SpecKey key, long whole) => key.Range.AtMost is null || whole is >= int.MinValue and <= int.MaxValue;

    static string Remedy(SpecKey key, YamlScalarNode scalar) => key.Kind switch
    {
        SpecKind.Text => key.OneOf!.FirstOrDefault(word => word.Equals(scalar.Value, StringComparison.OrdinalIgnoreCase)) is { } word ? $"write {word}" : "",
        _ when !IsPlain(scalar) => "write it without quotes",
        SpecKind.Whole or SpecKind.Number when key.Unit.Length > 0 => $"it counts {key.Unit}: write the number alone",
        SpecKind.Flag => "write true or false",
        _ => "",
    };

    static bool IsPlain(YamlScalarNode scalar) => scalar.Style is ScalarStyle.Plain or ScalarStyle.Any;

    static bool IsNull(YamlScalarNode scalar) => IsPlain(scalar) && scalar.Value is null or "" or "~" or "null";
}
