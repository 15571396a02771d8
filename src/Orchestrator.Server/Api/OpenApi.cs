using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Google.Api;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Orchestrator.Api.V1;

namespace Orchestrator.Server.Api;

/// <summary>
/// The REST side of <c>jobs.proto</c> as OpenAPI 3.1: made from the very descriptors that the calls are transcoded by, with the proto's own comments. (The packages that describe transcoded calls are a
/// preview, and drag a second model of OpenAPI along; one that is stable, and describes them, would replace this file.)
/// </summary>
static partial class OpenApi
{
    static readonly string[] wellKnown = ["google.protobuf.Timestamp", "google.protobuf.Duration"];

    /// <summary>The whole document.</summary>
    public static JsonObject Document()
    {
        var api = Described();
        JsonObject paths = [], schemas = [];
        foreach (var method in api.Services.SelectMany(service => service.Methods))
            if (method.GetOptions()?.GetExtension(AnnotationsExtensions.Http) is { } rule)
                Add(paths, method, rule);
        foreach (var message in api.MessageTypes)
            schemas[message.Name] = SchemaOf(message, _ => true);
        foreach (var words in api.EnumTypes)
            schemas[words.Name] = new JsonObject { ["type"] = "string", ["enum"] = new JsonArray([.. words.Values.Select(value => JsonValue.Create(value.Name))]) };
        schemas["Error"] = Parse("""{ "type": "object", "properties": { "code": { "type": "integer", "description": "of google.rpc.Code" }, "message": { "type": "string" }, "details": { "type": "array", "items": { "type": "object", "description": "google.rpc.BadRequest: a fieldViolation for each thing that is wrong" } } } }""");
        AddBytes(paths);
        return new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject { ["title"] = "Orchestrator", ["version"] = "v1", ["description"] = "The jobs and workers of a cluster. The same calls as those of the package orchestrator.v1 over gRPC." },
            ["paths"] = paths,
            ["components"] = new JsonObject { ["schemas"] = schemas },
        };
    }

    // The descriptors that are compiled in carry no comments; these, from the same run of the compiler, do.
    static FileDescriptor Described()
    {
        using var stream = typeof(JobsReflection).Assembly.GetManifestResourceStream("jobs.pb") ?? throw new InvalidOperationException("the API's description is not in its assembly");
        var files = FileDescriptorSet.Parser.ParseFrom(stream).File.Select(file => file.ToByteString());
        return FileDescriptor.BuildFromByteStrings(files, new ExtensionRegistry { AnnotationsExtensions.Http }).Single(file => file.Name == JobsReflection.Descriptor.Name);
    }

    static void Add(JsonObject paths, MethodDescriptor method, HttpRule rule)
    {
        var (verb, path) = rule.PatternCase switch
        {
            HttpRule.PatternOneofCase.Get => ("get", rule.Get),
            HttpRule.PatternOneofCase.Post => ("post", rule.Post),
            HttpRule.PatternOneofCase.Put => ("put", rule.Put),
            HttpRule.PatternOneofCase.Delete => ("delete", rule.Delete),
            _ => throw new NotSupportedException($"{method.FullName}: {rule.PatternCase}"),
        };
        var inPath = Placeholder().Matches(path).Select(match => match.Groups[1].Value).ToHashSet();
        var fields = method.InputType.Fields.InDeclarationOrder();
        var operation = new JsonObject
        {
            ["operationId"] = $"{method.Service.Name}_{method.Name}",
            ["tags"] = new JsonArray(method.Service.Name),
            ["parameters"] = new JsonArray([.. fields.Where(field => inPath.Contains(field.Name)).Select(field => Parameter(field, "path")),
                .. fields.Where(field => rule.Body.Length == 0 && !inPath.Contains(field.Name)).Select(field => Parameter(field, "query"))]),
            ["responses"] = new JsonObject
            {
                ["200"] = Answer(method.IsServerStreaming ? "JSON objects, a line each, as they come" : "", new JsonObject { ["$ref"] = Reference(method.OutputType) }),
                ["default"] = Answer("what went wrong", new JsonObject { ["$ref"] = "#/components/schemas/Error" }),
            },
        };
        if (Comment(method) is { Length: > 0 } says)
            operation["description"] = says;
        if (rule.Body == "*")
            operation["requestBody"] = new JsonObject { ["required"] = true, ["content"] = Content(SchemaOf(method.InputType, field => !inPath.Contains(field.Name))) };
        ((JsonObject)(paths[path] ??= new JsonObject()))[verb] = operation;
    }

    // Bytes are no JSON: these are routes of their own.
    static void AddBytes(JsonObject paths)
    {
        paths["/v1/jobs/{name}/files/{path}"] = Parse("""
            { "get": { "operationId": "Files_Read", "tags": ["Files"], "description": "A file of a job's run folder. Its path may hold slashes; ranges are honoured.",
                "parameters": [ { "name": "name", "in": "path", "required": true, "schema": { "type": "string" } }, { "name": "path", "in": "path", "required": true, "schema": { "type": "string" } },
                    { "name": "namespace", "in": "query", "schema": { "type": "string" } }, { "name": "Range", "in": "header", "schema": { "type": "string" } } ],
                "responses": { "200": { "description": "its bytes", "content": { "application/octet-stream": {} } }, "206": { "description": "some of them", "content": { "application/octet-stream": {} } },
                    "default": { "description": "what went wrong", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } } } } } }
            """);
        ((JsonObject)paths["/v1/blobs/{sha256}"]!)["put"] = Parse("""
            { "operationId": "Files_Write", "tags": ["Files"], "description": "Records that a spec names as data.path: sha256:DIGEST. The body is their bytes from the offset on, which is what is there already.",
                "parameters": [ { "name": "sha256", "in": "path", "required": true, "schema": { "type": "string" } }, { "name": "offset", "in": "query", "schema": { "type": "integer", "format": "int64" } } ],
                "requestBody": { "required": true, "content": { "application/octet-stream": {} } },
                "responses": { "200": { "description": "", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Blob" } } } },
                    "default": { "description": "what went wrong", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } } } } }
            """);
    }

    static JsonObject SchemaOf(MessageDescriptor message, Func<FieldDescriptor, bool> has)
    {
        var properties = new JsonObject();
        foreach (var field in message.Fields.InDeclarationOrder().Where(has))
            properties[field.JsonName] = Described(SchemaOf(field), field);
        var schema = new JsonObject { ["type"] = "object", ["properties"] = properties };
        return Described(schema, message);
    }

    static JsonObject SchemaOf(FieldDescriptor field)
        => field.IsMap ? new JsonObject { ["type"] = "object", ["additionalProperties"] = OfOne(field.MessageType.FindFieldByName("value")) }
            : field.IsRepeated ? new JsonObject { ["type"] = "array", ["items"] = OfOne(field) }
            : OfOne(field);

    static JsonObject OfOne(FieldDescriptor field) => field.FieldType switch
    {
        FieldType.Bool => new JsonObject { ["type"] = "boolean" },
        FieldType.String => new JsonObject { ["type"] = "string" },
        FieldType.Bytes => new JsonObject { ["type"] = "string", ["format"] = "byte" },
        FieldType.Int32 => new JsonObject { ["type"] = "integer", ["format"] = "int32" },
        FieldType.Int64 => new JsonObject { ["type"] = "integer", ["format"] = "int64" },
        FieldType.Double => new JsonObject { ["type"] = "number", ["format"] = "double" },
        FieldType.Float => new JsonObject { ["type"] = "number", ["format"] = "float" },
        FieldType.Enum => new JsonObject { ["$ref"] = $"#/components/schemas/{field.EnumType.Name}" },
        FieldType.Message when field.MessageType.FullName == wellKnown[0] => new JsonObject { ["type"] = "string", ["format"] = "date-time" },
        FieldType.Message when field.MessageType.FullName == wellKnown[1] => new JsonObject { ["type"] = "string", ["description"] = "seconds, such as 3.5s" },
        FieldType.Message => new JsonObject { ["$ref"] = Reference(field.MessageType) },
        var other => throw new NotSupportedException($"{field.FullName}: {other}"),
    };

    static JsonObject Parameter(FieldDescriptor field, string place)
        => Described(new JsonObject { ["name"] = place == "path" ? field.Name : field.JsonName, ["in"] = place, ["required"] = place == "path", ["schema"] = SchemaOf(field) }, field);

    static JsonObject Answer(string description, JsonObject schema) => new() { ["description"] = description, ["content"] = Content(schema) };

    static JsonObject Content(JsonObject schema) => new() { ["application/json"] = new JsonObject { ["schema"] = schema } };

    static string Reference(MessageDescriptor message) => $"#/components/schemas/{message.Name}";

    static JsonObject Described(JsonObject schema, IDescriptor of)
    {
        if (Comment(of) is { Length: > 0 } says)
            schema["description"] = says;
        return schema;
    }

    static string Comment(IDescriptor of) => of switch
    {
        FieldDescriptor { Declaration: { } said } => Comment(said),
        MessageDescriptor { Declaration: { } said } => Comment(said),
        MethodDescriptor { Declaration: { } said } => Comment(said),
        _ => "",
    };

    static string Comment(DescriptorDeclaration said) => string.Join(' ', (said.LeadingComments + "\n" + said.TrailingComments).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));

    static JsonObject Parse(string json) => (JsonObject)JsonNode.Parse(json)!;

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex Placeholder();
}
