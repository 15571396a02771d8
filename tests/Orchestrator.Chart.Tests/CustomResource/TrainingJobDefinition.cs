using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Learning.Adapters;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Chart.Tests.CustomResource;

/// <summary>
/// The definition of <c>TrainingJob</c>, made of the same keys as <c>orchestrator schema</c>. Its <c>spec</c> is a job's spec without the name, which is the resource's, and with
/// <c>suspend</c>; rules about several keys, and that only workers and suspend may change, are CEL, so that the API server itself refuses nonsense.
/// </summary>
static class TrainingJobDefinition
{
    /// <summary>Where the definition lies.</summary>
    public const string File = "helm/orchestrator/crds/trainingjobs.yaml";

    const int TextLengthMax = 4096;     // bytes: with a bound the API server can tell what a rule costs at most

    static readonly JsonSerializerOptions plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The text of <see cref="File"/>.</summary>
    public static string Text()
        => "# Generated from the keys of a spec, as `orchestrator schema` is: a test rewrites it. Helm installs it and never upgrades it: `kubectl apply -f` does.\n" + BlockYaml.Of(Definition());

    /// <summary>The definition.</summary>
    public static JsonObject Definition() => new()
    {
        ["apiVersion"] = "apiextensions.k8s.io/v1",
        ["kind"] = "CustomResourceDefinition",
        ["metadata"] = new JsonObject { ["name"] = "trainingjobs.orchestrator.dev" },
        ["spec"] = new JsonObject
        {
            ["group"] = "orchestrator.dev",
            ["scope"] = "Namespaced",
            ["names"] = new JsonObject { ["kind"] = "TrainingJob", ["listKind"] = "TrainingJobList", ["plural"] = "trainingjobs", ["singular"] = "trainingjob", ["shortNames"] = new JsonArray("tj") },
            ["versions"] = new JsonArray(new JsonObject
            {
                ["name"] = "v1alpha1",
                ["served"] = true,
                ["storage"] = true,
                ["subresources"] = new JsonObject
                {
                    ["status"] = new JsonObject(),
                    ["scale"] = new JsonObject { ["specReplicasPath"] = ".spec.workers", ["statusReplicasPath"] = ".status.workers", ["labelSelectorPath"] = ".status.selector" },
                },
                ["additionalPrinterColumns"] = TrainingJobStatus.Columns(),
                ["schema"] = new JsonObject
                {
                    ["openAPIV3Schema"] = new JsonObject
                    {
                        ["type"] = "object",
                        ["description"] = "A job that trains an adapter: the same bytes with any number of workers.",
                        ["required"] = new JsonArray("spec"),
                        ["properties"] = new JsonObject
                        {
                            ["apiVersion"] = new JsonObject { ["type"] = "string" },
                            ["kind"] = new JsonObject { ["type"] = "string" },
                            ["metadata"] = new JsonObject { ["type"] = "object", ["properties"] = new JsonObject { ["name"] = new JsonObject { ["type"] = "string", ["pattern"] = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", ["maxLength"] = JobName.LengthMax } } },
                            ["spec"] = Spec(),
                            ["status"] = TrainingJobStatus.Schema(),
                        },
                    },
                },
            }),
        },
    };

    /// <summary>The schema of <c>spec</c>.</summary>
    public static JsonObject Spec()
    {
        var spec = Structural(SpecSchema.Of(Methods.Names), "");
        spec.Remove("$schema");
        spec.Remove("title");
        var properties = spec["properties"]!.AsObject();
        properties.Remove("name");
        properties["workers"]!["default"] = SpecKeys.Find("workers")!.Default is long workers ? workers : 1;
        properties["suspend"] = new JsonObject
        {
            ["description"] = "Whether the job rests: it writes a checkpoint and gives its workers back.", ["type"] = "boolean", ["default"] = false,
        };
        foreach (var (group, rule) in SpecRulesInCel.All)
        {
            var at = group.Length == 0 ? spec : properties[group]!.AsObject();
            (at["x-kubernetes-validations"] ??= new JsonArray()).AsArray().Add(rule.DeepClone());
        }
        foreach (var key in properties.Select(pair => pair.Key).Where(key => key is not ("workers" or "suspend")))
            (spec["x-kubernetes-validations"] ??= new JsonArray()).AsArray().Add(SpecRulesInCel.Immutable(key));
        return spec;
    }

    // JSON Schema as OpenAPI 3.0 has it. A null is dropped by the API server before it looks, so that it means what a missing key means; a default is told, and left to the server,
    // since one that stands in the resource could not change any more.
    static JsonObject Structural(JsonObject schema, string path)
    {
        var made = new JsonObject();
        foreach (var (name, value) in schema)
            switch (name)
            {
                case "additionalProperties":
                    break;      // what is not named is refused or dropped anyway
                case "properties":
                    made[name] = new JsonObject(value!.AsObject().Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)Structural(pair.Value!.AsObject(), path.Length == 0 ? pair.Key : $"{path}.{pair.Key}"))));
                    break;
                case "items":
                    made[name] = Structural(value!.AsObject(), path + "[]");
                    break;
                case "type":
                    made[name] = value is JsonArray types ? types[0]!.DeepClone() : value!.DeepClone();
                    break;
                case "enum":
                    made["type"] = "string";
                    made[name] = new JsonArray([.. value!.AsArray().Where(word => word is not null).Select(word => word!.DeepClone())]);
                    break;
                case "exclusiveMinimum" or "exclusiveMaximum":
                    made[name == "exclusiveMinimum" ? "minimum" : "maximum"] = value!.DeepClone();
                    made[name] = true;
                    break;
                case "default":
                    made["description"] = $"{made["description"]} Default: {value!.ToJsonString(plain).Trim('"')}.";
                    break;
                default:
                    made[name] = value!.DeepClone();
                    break;
            }

        if (made.Text("type") == "integer")
            made["format"] = "int64";
        if (made.Text("type") == "string" && made["enum"] is null)
            made["maxLength"] ??= TextLengthMax;
        if (SpecKeys.Find(path) is { IsPath: true })
        {
            made["description"] = made.Text("description")!.Replace(" A relative path starts at the spec.", "", StringComparison.Ordinal);
            made["x-kubernetes-validations"] = new JsonArray(SpecRulesInCel.Rule("!self.matches('(^|/)[.][.](/|$)')", "a path without .. is expected"));
        }
        return made;
    }
}
