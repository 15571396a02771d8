using System.Text.Json.Nodes;

namespace Orchestrator.Protocol.Jobs;

/// <summary>The JSON Schema (draft 2020-12) of a spec, for editors: completion, descriptions and mistakes while one types.</summary>
public static class SpecSchema
{
    /// <summary>The schema of every key of <see cref="SpecKeys"/>.</summary>
    /// <param name="methods">names of the methods that can be trained</param>
    public static JsonObject Of(IReadOnlyList<string> methods)
    {
        var schema = Group("", methods);
        schema.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        schema.Insert(1, "title", "Job of Orchestrator");
        schema["required"] = new JsonArray("model", "data");
        return schema;
    }

    static JsonObject Group(string group, IReadOnlyList<string> methods)
    {
        var properties = new JsonObject();
        foreach (var key in SpecKeys.All.Where(key => key.Group == group))
            properties[key.Name] = Key(key, methods);
        foreach (var inner in SpecKeys.Groups.Where(_ => group.Length == 0))
            properties[inner] = Group(inner, methods);

        var schema = new JsonObject { ["type"] = "object", ["additionalProperties"] = false, ["properties"] = properties };
        if (properties.ContainsKey("path"))
            schema["required"] = new JsonArray("path");
        return schema;
    }

    static JsonObject Key(SpecKey key, IReadOnlyList<string> methods)
    {
        var schema = new JsonObject { ["description"] = key.Says };
        var words = key.Path == "adapter.method" ? methods : key.OneOf;
        if (words is not null)
            schema["enum"] = new JsonArray([.. words.Select(word => JsonValue.Create(word)), .. key.Optional ? new JsonNode?[] { null } : []]);
        else if (key.Kind == SpecKind.Numbers)
        {
            schema["type"] = Type("array", key.Optional);
            schema["items"] = Bounded(new JsonObject { ["type"] = "number" }, key.Range);
            (schema["minItems"], schema["maxItems"]) = (2, 2);
        }
        else
            schema["type"] = Type(key.Kind switch { SpecKind.Flag => "boolean", SpecKind.Whole => "integer", SpecKind.Number => "number", _ => "string" }, key.Optional);

        if (key.Path == "name")
            (schema["pattern"], schema["maxLength"]) = ("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", JobName.LengthMax);
        else if (key.IsPath)
            schema["minLength"] = 1;
        if (key.Kind is SpecKind.Whole or SpecKind.Number)
            Bounded(schema, key.Range);
        if (key.Default is not (null or ""))
            schema["default"] = JsonNode.Parse(System.Text.Json.JsonSerializer.Serialize(key.Default, key.Default.GetType(), CanonicalJson.Options));
        return schema;
    }

    static JsonNode Type(string name, bool optional) => optional ? new JsonArray(name, "null") : name;

    static JsonObject Bounded(JsonObject schema, SpecRange range)
    {
        foreach (var (name, bound) in new[] { ("minimum", range.AtLeast), ("exclusiveMinimum", range.Above), ("maximum", range.AtMost), ("exclusiveMaximum", range.Below) })
            if (bound is { } number)
                schema[name] = number;
        return schema;
    }
}
