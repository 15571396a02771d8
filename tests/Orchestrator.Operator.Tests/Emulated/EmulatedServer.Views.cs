using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Orchestrator.Operator.Tests.Emulated;

/// <summary>Which resource an address means.</summary>
readonly record struct ResourceAddress(string Group, string Version, string Kind, string Plural, string? Space, string? Name, string? Part)
{
    /// <summary>The kinds that there are, by the beginning of their addresses.</summary>
    public static readonly (string Prefix, string Kind, string Plural, string[] Parts)[] Kinds =
    [
        ("/apis/orchestrator.dev/v1alpha1", "TrainingJob", Definitions.Jobs, ["status", "scale"]),
        ("/apis/events.k8s.io/v1", "Event", Definitions.Events, []),
        ("/apis/apps/v1", "StatefulSet", Definitions.Sets, ["scale"]),
    ];

    public static ResourceAddress? Of(string path)
    {
        foreach (var (prefix, kind, plural, _) in Kinds)
        {
            if (!path.StartsWith(prefix + "/", StringComparison.Ordinal))
                continue;
            var words = path[(prefix.Length + 1)..].Split('/');
            var (space, rest) = words is ["namespaces", var named, .. var after] ? (named, after) : (null, words);
            if (rest is not [var first, ..] || first != plural)
                return null;
            return new ResourceAddress(prefix.Split('/')[2], prefix["/apis/".Length..], kind, plural, space, rest.ElementAtOrDefault(1), rest.ElementAtOrDefault(2));
        }
        return null;
    }
}

/// <content>What is not a resource as it is kept: discovery, OpenAPI, tables, scales.</content>
sealed partial class EmulatedServer
{
    const string Json = "application/json";
    const string Group = "orchestrator.dev";

    static (JsonObject Body, string Type)? Discovery(HttpRequest request) => request.Path.ToString() switch
    {
        "/version" or "/version/" => (new() { ["major"] = "1", ["minor"] = "35", ["gitVersion"] = "v1.35.0" }, Json),
        "/api" => (Groups(none: true), "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"),
        "/apis" => (Groups(none: false), "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"),
        "/openapi/v3" => (new() { ["paths"] = new JsonObject { [$"apis/{Group}/v1alpha1"] = new JsonObject { ["serverRelativeURL"] = $"/openapi/v3/apis/{Group}/v1alpha1?hash=1" } } }, Json),
        $"/openapi/v3/apis/{Group}/v1alpha1" => (OpenApi(), Json),
        _ => null,
    };

    static JsonObject Groups(bool none) => new()
    {
        ["kind"] = "APIGroupDiscoveryList", ["apiVersion"] = "apidiscovery.k8s.io/v2", ["metadata"] = new JsonObject(),
        ["items"] = new JsonArray([.. ResourceAddress.Kinds.Where(_ => !none).Select(kind => new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = kind.Prefix.Split('/')[2] },
            ["versions"] = new JsonArray(new JsonObject
            {
                ["version"] = kind.Prefix.Split('/')[3],
                ["resources"] = new JsonArray(new JsonObject
                {
                    ["resource"] = kind.Plural, ["responseKind"] = KindOf(kind.Prefix, kind.Kind), ["scope"] = "Namespaced", ["singularResource"] = kind.Kind.ToLowerInvariant(),
                    ["shortNames"] = kind.Kind == "TrainingJob" ? new JsonArray("tj") : new JsonArray(),
                    ["verbs"] = new JsonArray("create", "delete", "get", "list", "patch", "update", "watch"),
                    ["subresources"] = new JsonArray([.. kind.Parts.Select(part => new JsonObject
                    {
                        ["subresource"] = part, ["verbs"] = new JsonArray("get", "patch", "update"),
                        ["responseKind"] = part == "scale" ? KindOf("/apis/autoscaling/v1", "Scale") : KindOf(kind.Prefix, kind.Kind),
                    })]),
                }),
            }),
        })]),
    };

    static JsonObject KindOf(string prefix, string kind) => new() { ["group"] = prefix.Split('/')[2], ["version"] = prefix.Split('/')[3], ["kind"] = kind };

    static JsonObject OpenApi()
    {
        var schema = Definitions.Schema.DeepClone().AsObject();
        JsonArray Kinds() => [KindOf($"/apis/{Group}/v1alpha1", "TrainingJob")];
        schema["x-kubernetes-group-version-kind"] = Kinds();
        return new JsonObject
        {
            ["openapi"] = "3.0.0", ["info"] = new JsonObject { ["title"] = "Kubernetes", ["version"] = "v1.35.0" },
            ["paths"] = new JsonObject
            {
                [$"/apis/{Group}/v1alpha1/namespaces/{{namespace}}/trainingjobs/{{name}}"] = new JsonObject
                {
                    ["patch"] = new JsonObject
                    {
                        ["x-kubernetes-group-version-kind"] = Kinds()[0]!.DeepClone(), ["x-kubernetes-action"] = "patch",
                        ["parameters"] = new JsonArray(new JsonObject { ["name"] = "fieldValidation", ["in"] = "query", ["schema"] = new JsonObject { ["type"] = "string" } }),
                        ["responses"] = new JsonObject(),
                    },
                },
            },
            ["components"] = new JsonObject { ["schemas"] = new JsonObject { ["dev.orchestrator.v1alpha1.TrainingJob"] = schema } },
        };
    }

    static JsonObject ScaleOf(ResourceAddress address, JsonObject resource)
    {
        var spec = address.Plural == Definitions.Jobs ? "workers" : "replicas";
        return new JsonObject
        {
            ["kind"] = "Scale", ["apiVersion"] = "autoscaling/v1",
            ["metadata"] = new JsonObject(new[] { "name", "namespace", "uid", "resourceVersion" }.Select(name => KeyValuePair.Create(name, resource["metadata"]![name]?.DeepClone()))),
            ["spec"] = new JsonObject { ["replicas"] = resource["spec"]?[spec]?.DeepClone() ?? 0 },
            ["status"] = new JsonObject { ["replicas"] = resource["status"]?[spec]?.DeepClone() ?? 0, ["selector"] = resource["status"]?["selector"]?.DeepClone() ?? "" },
        };
    }

    JsonObject Scaled(ResourceAddress address, string name, JsonObject scale)
    {
        var patch = new JsonObject { ["spec"] = new JsonObject { [address.Plural == Definitions.Jobs ? "workers" : "replicas"] = scale["spec"]!["replicas"]!.DeepClone() } };
        if (scale["metadata"]?["resourceVersion"] is { } version)
            patch["metadata"] = new JsonObject { ["resourceVersion"] = version.DeepClone() };
        return Store.Patch(address.Plural, address.Space!, name, patch, ofStatus: false);
    }

    // The columns of the definition, as `kubectl get` shows them.
    static JsonObject Table(IReadOnlyList<JsonObject> resources, long version, bool withColumns = true)
    {
        var columns = new JsonArray(new JsonObject { ["name"] = "Name", ["type"] = "string", ["format"] = "name", ["description"] = "", ["priority"] = 0 });
        foreach (var (name, type, _) in Definitions.Columns)
            columns.Add(new JsonObject { ["name"] = name, ["type"] = type == "date" ? "string" : type, ["format"] = "", ["description"] = "", ["priority"] = 0 });
        return new JsonObject
        {
            ["kind"] = "Table", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = new JsonObject { ["resourceVersion"] = $"{version}" }, ["columnDefinitions"] = withColumns ? columns : null,
            ["rows"] = new JsonArray([.. resources.Select(resource => new JsonObject
            {
                ["cells"] = new JsonArray([resource["metadata"]!["name"]!.DeepClone(), .. Definitions.Columns.Select(column => Cell(resource, column.Type, column.Path))]),
                ["object"] = new JsonObject { ["kind"] = "PartialObjectMetadata", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = resource["metadata"]!.DeepClone() },
            })]),
        };
    }

    static JsonNode? Cell(JsonObject resource, string type, string path)
    {
        var value = path.TrimStart('.').Split('.').Aggregate((JsonNode?)resource, (node, name) => node?[name]);
        return type == "date" && value is not null ? $"{(int)(DateTime.UtcNow - DateTime.Parse($"{value}", CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal)).TotalSeconds}s" : value?.DeepClone();
    }
}
