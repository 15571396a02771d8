using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Orchestrator.Operator.Tests.Emulated;

/// <summary>As much of the definition's rules as an API server holds a resource to: keys, types, ranges, words, and what may not change.</summary>
static partial class TrainingJobRules
{
    /// <summary>Puts defaults in, and refuses what breaks a rule.</summary>
    /// <exception cref="StatusException">400 of an unknown key, 422 of everything else that is wrong</exception>
    public static void Demand(JsonObject resource, JsonObject? before)
    {
        var schema = Definitions.Schema["properties"]!.AsObject();
        List<string> unknown = [], wrong = [];
        Check(resource["spec"], schema["spec"]!.AsObject(), "spec", unknown, wrong);
        if (resource["status"] is { } status)
            Check(status, schema["status"]!.AsObject(), "status", unknown, wrong);
        if (unknown.Count > 0)
            throw new StatusException(400, "BadRequest", $"strict decoding error: {string.Join(", ", unknown.Select(key => $"unknown field \"{key}\""))}");
        if (before is not null && resource["spec"] is JsonObject now)
            wrong.AddRange(Immutable().Where(key => !JsonNode.DeepEquals(now[key.Name], before["spec"]?[key.Name])).Select(key => $"spec: Invalid value: {key.Says}"));
        if (wrong.Count > 0)
            throw new StatusException(422, "Invalid", $"TrainingJob.orchestrator.dev \"{resource["metadata"]?["name"]}\" is invalid: {string.Join(", ", wrong)}");
    }

    static IEnumerable<(string Name, string Says)> Immutable()
        => Definitions.Schema["properties"]!["spec"]!["x-kubernetes-validations"]!.AsArray().Select(rule => (Match: OldSelf().Match($"{rule!["rule"]}"), Says: $"{rule["message"]}"))
            .Where(rule => rule.Match.Success).Select(rule => (rule.Match.Groups[1].Value, rule.Says));

    static void Check(JsonNode? value, JsonObject schema, string path, List<string> unknown, List<string> wrong)
    {
        switch (schema["type"]?.ToString(), value)
        {
            case ("object", JsonObject map) when schema["properties"] is JsonObject properties:
                foreach (var (name, of) in properties)
                    if (of!["default"] is { } otherwise && !map.ContainsKey(name))
                        map[name] = otherwise.DeepClone();
                unknown.AddRange(map.Where(member => !properties.ContainsKey(member.Key)).Select(member => $"{path}.{member.Key}"));
                // An empty text is none, as a real server of 1.20 has it.
                wrong.AddRange((schema["required"]?.AsArray() ?? []).Where(name => map[name!.ToString()] is null || map[name!.ToString()]!.ToJsonString() == "\"\"").Select(name => $"{path}.{name}: Required value"));
                foreach (var (name, member) in map.Where(member => member.Value is not null && properties.ContainsKey(member.Key)).ToList())
                    Check(member, properties[name]!.AsObject(), $"{path}.{name}", unknown, wrong);
                break;
            case ("object", JsonObject):
                break;
            case ("array", JsonArray list):
                foreach (var (i, item) in list.Index())
                    Check(item, schema["items"]!.AsObject(), $"{path}[{i}]", unknown, wrong);
                break;
            case ("string", JsonValue text) when text.TryGetValue(out string? word):
                if (schema["enum"] is JsonArray words && words.All(known => known!.ToString() != word))
                    wrong.Add($"{path}: Unsupported value: \"{word}\"");
                break;
            case ("boolean", JsonValue flag) when flag.TryGetValue(out bool _):
                break;
            case ("integer" or "number", JsonValue number) when double.TryParse(number.ToJsonString(), out var amount) && (schema["type"]!.ToString() == "number" || amount == Math.Floor(amount)):
                if (schema["minimum"] is { } least && amount < least.GetValue<double>())
                    wrong.Add($"{path}: Invalid value: {amount}: should be greater than or equal to {least}");
                if (schema["maximum"] is { } most && amount > most.GetValue<double>())
                    wrong.Add($"{path}: Invalid value: {amount}: should be less than or equal to {most}");
                break;
            default:
                wrong.Add($"{path}: Invalid value: {value?.ToJsonString() ?? "null"}: must be of type {schema["type"]}");
                break;
        }
    }

    [GeneratedRegex(@"^has\(self\.(\w+)\) == has\(oldSelf\.")]
    private static partial Regex OldSelf();
}
