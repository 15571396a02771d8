using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Orchestrator.Protocol.Jobs;

/// <summary>
/// The bytes of a spec: UTF-8 JSON without white space, keys in ordinal order, every number in its shortest form that reads back as itself. Defaults are
/// written out, so that a later default changes no finished run; what is null is left out, and a group of nothing else, so that a key added later changes no digest
/// of a spec without it.
/// </summary>
public static class CanonicalJson
{
    /// <summary>How a spec's records map to JSON: the names of the keys are the properties' in camel case, so are the values of enumerations.</summary>
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    /// <summary>The canonical bytes of a spec that follows the rules.</summary>
    /// <exception cref="ArgumentException">a number is not finite</exception>
    public static byte[] Of(JobSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes, new JsonWriterOptions { Encoder = Options.Encoder }))
            Write(JsonSerializer.SerializeToNode(spec, Options), writer);
        return bytes.ToArray();
    }

    /// <summary>Reads what <see cref="Of"/> wrote, or any JSON with the same keys.</summary>
    /// <exception cref="JsonException">the bytes are no JSON, or hold an unknown key or a value of another type</exception>
    public static JobSpec Read(ReadOnlySpan<byte> utf8)
        => JsonSerializer.Deserialize<JobSpec>(utf8, Options) ?? throw new JsonException("null is no spec");

    /// <summary>SHA-256 of the canonical bytes, 64 hexadecimal digits in lower case.</summary>
    public static string Digest(JobSpec spec) => Convert.ToHexStringLower(SHA256.HashData(Of(spec)));

    /// <summary>
    /// The spec with everything at its default that does not reach the adapter's bytes: the name, the number of workers, checkpoints, audits, evaluation
    /// (unless it may stop the run early) and paths, whose contents have digests of their own. Two runs with the same of these, and the same files, end alike.
    /// </summary>
    public static JobSpec ResultDefining(JobSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var none = new JobSpec();
        return spec with
        {
            Name = none.Name,
            Model = spec.Model with { Path = none.Model.Path, Tokenizer = none.Model.Tokenizer },
            Adapter = spec.Adapter with { Init = none.Adapter.Init },
            Data = spec.Data with { Path = none.Data.Path },
            Workers = none.Workers,
            Checkpoint = none.Checkpoint,
            Audit = none.Audit,
            Evaluation = spec.Evaluation.EarlyStop is null
                ? none.Evaluation
                : none.Evaluation with { EarlyStop = spec.Evaluation.EarlyStop, EverySteps = spec.Evaluation.EverySteps },
        };
    }

    static void Write(JsonNode? node, Utf8JsonWriter writer)
    {
        switch (node)
        {
            case JsonObject map:
                writer.WriteStartObject();
                foreach (var (key, value) in map.Where(entry => entry.Value is not JsonObject { Count: 0 }).OrderBy(entry => entry.Key, StringComparer.Ordinal))
                {
                    writer.WritePropertyName(key);
                    Write(value, writer);
                }
                writer.WriteEndObject();
                break;
            case JsonArray list:
                writer.WriteStartArray();
                foreach (var item in list)
                    Write(item, writer);
                writer.WriteEndArray();
                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.Number && value.TryGetValue<double>(out var number) && number == 0:
                writer.WriteNumberValue(0); // -0.0 means the same and must not be another digest
                break;
            case null:
                writer.WriteNullValue();
                break;
            default:
                node.WriteTo(writer);
                break;
        }
    }
}
