using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Orchestrator.Operator.Resources;

/// <summary>A <c>TrainingJob</c> as the API server has it.</summary>
/// <param name="Metadata">whose it is, and which version of it</param>
/// <param name="Spec">a job's spec without its name, with <c>suspend</c></param>
/// <param name="Status">what the operator said of it last</param>
public sealed record TrainingJob(ResourceMetadata Metadata, JsonObject Spec, TrainingJobStatus? Status = null)
{
    /// <summary>The resource's group.</summary>
    public const string Group = "orchestrator.dev";

    /// <summary>Its version.</summary>
    public const string Version = "v1alpha1";

    /// <summary>Its name in addresses.</summary>
    public const string Plural = "trainingjobs";

    /// <summary>Its kind.</summary>
    public const string Kind = "TrainingJob";

    /// <summary>Holds a resource until its job is over.</summary>
    public const string Finalizer = "orchestrator.dev/cancel";

    /// <summary>How resources are read and written: what is null is left out, what is not known is passed over.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.Strict,
    };

    /// <summary>Its namespace and name.</summary>
    [JsonIgnore]
    public string Key => $"{Metadata.Namespace}/{Metadata.Name}";

    /// <summary>Workers that it asks for.</summary>
    [JsonIgnore]
    public int Workers => Spec["workers"] is JsonValue number && number.TryGetValue(out int workers) ? workers : 1;

    /// <summary>Whether the job is to rest.</summary>
    [JsonIgnore]
    public bool Suspend => Spec["suspend"] is JsonValue flag && flag.TryGetValue(out bool suspend) && suspend;

    /// <summary>Whether somebody has deleted it; it stays until its finalizers are gone.</summary>
    [JsonIgnore]
    public bool IsDeleted => Metadata.DeletionTimestamp is not null;

    /// <summary>Whether it is held for its job.</summary>
    [JsonIgnore]
    public bool IsHeld => Metadata.Finalizers?.Contains(Finalizer) == true;

    /// <summary>The spec of its job, as JSON.</summary>
    public string JobText()
    {
        var job = Spec.DeepClone().AsObject();
        job.Remove("suspend");
        job["name"] = Metadata.Name;
        return job.ToJsonString(Json);
    }

    /// <summary>Takes a resource as the API server sends it.</summary>
    /// <exception cref="JsonException">it is none</exception>
    public static TrainingJob Of(JsonElement resource) => resource.Deserialize<TrainingJob>(Json) is { Metadata: not null } job ? job with { Spec = job.Spec ?? [] } : throw new JsonException("no resource");
}

/// <summary>What every resource has.</summary>
/// <param name="Namespace">its namespace</param>
/// <param name="Name">its name there</param>
/// <param name="Uid">another one after it was deleted and made again</param>
/// <param name="ResourceVersion">another one after each change; a write that names an older one is refused</param>
/// <param name="Generation">counts changes of its spec</param>
public sealed record ResourceMetadata(string Namespace, string Name, string Uid, string ResourceVersion, long Generation)
{
    /// <summary>When it was deleted.</summary>
    public DateTimeOffset? DeletionTimestamp { get; init; }

    /// <summary>Who has to let go of it before it is gone.</summary>
    public IReadOnlyList<string>? Finalizers { get; init; }
}
