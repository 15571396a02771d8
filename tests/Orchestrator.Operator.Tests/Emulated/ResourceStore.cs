using System.Globalization;
using System.Text.Json.Nodes;

namespace Orchestrator.Operator.Tests.Emulated;

/// <summary>An API server's answer that is none.</summary>
sealed class StatusException(int code, string reason, string message) : Exception(message)
{
    public int Code => code;

    /// <summary>As clients are told it.</summary>
    public JsonObject Status => new()
    {
        ["kind"] = "Status", ["apiVersion"] = "v1", ["metadata"] = new JsonObject(), ["status"] = "Failure", ["reason"] = reason, ["code"] = code, ["message"] = Message,
    };
}

/// <summary>A change of a resource, as watches tell it.</summary>
readonly record struct StoredChange(long Version, string Type, string Plural, JsonObject Resource);

/// <summary>
/// What an API server keeps, by its rules: every write is a new version of everything, a write that names an older one is a conflict, only a change of the spec is a new generation, a status is written
/// by its own address alone, what is deleted stays until nobody holds it, and watches hear of everything after a version that is not forgotten.
/// </summary>
sealed class ResourceStore
{
    readonly Lock gate = new();
    readonly Dictionary<(string Plural, string Key), JsonObject> resources = [];
    readonly List<StoredChange> history = [];
    TaskCompletionSource changed = new();
    long version = 1;
    long forgotten;
    int made;

    /// <summary>The last version.</summary>
    public long Version
    {
        get
        {
            lock (gate)
                return version;
        }
    }

    /// <summary>Forgets every change: whoever watches from before has to list.</summary>
    public void Forget()
    {
        lock (gate)
        {
            history.Clear();
            forgotten = ++version;
        }
    }

    public JsonObject Create(string plural, string space, JsonObject resource)
    {
        lock (gate)
        {
            var made = resource.DeepClone().AsObject();
            var metadata = (made["metadata"] ??= new JsonObject()).AsObject();
            metadata["namespace"] = space;
            if (plural == Definitions.Jobs)
                TrainingJobRules.Demand(made, before: null);
            made.Remove("status");
            var name = metadata["name"]?.ToString() ?? throw new StatusException(422, "Invalid", "metadata.name: Required value");
            if (resources.ContainsKey((plural, $"{space}/{name}")))
                throw new StatusException(409, "AlreadyExists", $"{plural} \"{name}\" already exists");
            metadata["uid"] = $"00000000-0000-0000-0000-{++this.made:D12}";
            metadata["generation"] = 1;
            metadata["creationTimestamp"] = Now();
            return Put(plural, made, "ADDED");
        }
    }

    public JsonObject Get(string plural, string space, string name)
    {
        lock (gate)
            return Find(plural, space, name).DeepClone().AsObject();
    }

    public (IReadOnlyList<JsonObject> Resources, long Version) List(string plural, string? space)
    {
        lock (gate)
            return ([.. resources.Where(pair => pair.Key.Plural == plural && (space is null || pair.Key.Key.StartsWith(space + "/", StringComparison.Ordinal))).OrderBy(pair => pair.Key.Key, StringComparer.Ordinal)
                .Select(pair => pair.Value.DeepClone().AsObject())], version);
    }

    /// <summary>A merge patch, of the whole resource or of its status alone.</summary>
    public JsonObject Patch(string plural, string space, string name, JsonObject patch, bool ofStatus)
    {
        lock (gate)
        {
            var next = Find(plural, space, name).DeepClone().AsObject();
            Merge(next, patch);
            return Replace(plural, space, name, next, ofStatus);
        }
    }

    /// <summary>Another resource in its place; of the whole the status stays, of the status everything else does.</summary>
    public JsonObject Replace(string plural, string space, string name, JsonObject next, bool ofStatus)
    {
        lock (gate)
        {
            var before = Find(plural, space, name);
            if (next["metadata"]?["resourceVersion"]?.ToString() is { Length: > 0 } named && named != before["metadata"]!["resourceVersion"]!.ToString())
                throw new StatusException(409, "Conflict", $"Operation cannot be fulfilled on {plural} \"{name}\": the object has been modified");
            JsonObject made;
            if (ofStatus)
            {
                made = before.DeepClone().AsObject();
                made["status"] = next["status"]?.DeepClone();
            }
            else
            {
                made = next.DeepClone().AsObject();
                made["status"] = before["status"]?.DeepClone();
                foreach (var kept in new[] { "uid", "generation", "creationTimestamp", "deletionTimestamp", "namespace", "name" })
                    made["metadata"]![kept] = before["metadata"]![kept]?.DeepClone();
            }
            Tidy(made);
            if (plural == Definitions.Jobs)
                TrainingJobRules.Demand(made, before);
            if (!ofStatus && !JsonNode.DeepEquals(made["spec"], before["spec"]))
                made["metadata"]!["generation"] = long.Parse(before["metadata"]!["generation"]!.ToString(), CultureInfo.InvariantCulture) + 1;
            if (JsonNode.DeepEquals(made, before))
                return made;
            if (made["metadata"]!["deletionTimestamp"] is not null && made["metadata"]!["finalizers"] is not JsonArray { Count: > 0 })
                return Remove(plural, made);
            return Put(plural, made, "MODIFIED");
        }
    }

    /// <summary>Deletes a resource, or marks it where somebody holds it.</summary>
    /// <returns>what is left of it; null where nothing is</returns>
    public JsonObject? Delete(string plural, string space, string name)
    {
        lock (gate)
        {
            var there = Find(plural, space, name).DeepClone().AsObject();
            if (there["metadata"]!["finalizers"] is not JsonArray { Count: > 0 })
            {
                Remove(plural, there);
                return null;
            }
            if (there["metadata"]!["deletionTimestamp"] is not null)
                return there;
            there["metadata"]!["deletionTimestamp"] = Now();
            return Put(plural, there, "MODIFIED");
        }
    }

    /// <summary>What happened after a version, as far as it is there by now; and what tells of more.</summary>
    public (IReadOnlyList<StoredChange> Changes, Task More) After(long from, string plural, string? space)
    {
        lock (gate)
        {
            if (from < forgotten)
                throw new StatusException(410, "Expired", $"too old resource version: {from} ({version})");
            return ([.. history.Where(change => change.Version > from && change.Plural == plural && (space is null || change.Resource["metadata"]!["namespace"]!.ToString() == space))], changed.Task);
        }
    }

    JsonObject Find(string plural, string space, string name)
        => resources.GetValueOrDefault((plural, $"{space}/{name}")) ?? throw new StatusException(404, "NotFound", $"{plural} \"{name}\" not found");

    JsonObject Put(string plural, JsonObject resource, string type)
    {
        var metadata = resource["metadata"]!;
        metadata["resourceVersion"] = (++version).ToString(CultureInfo.InvariantCulture);
        resources[(plural, $"{metadata["namespace"]}/{metadata["name"]}")] = resource;
        return Tell(plural, resource, type);
    }

    JsonObject Remove(string plural, JsonObject resource)
    {
        var metadata = resource["metadata"]!;
        resources.Remove((plural, $"{metadata["namespace"]}/{metadata["name"]}"));
        metadata["resourceVersion"] = (++version).ToString(CultureInfo.InvariantCulture);
        return Tell(plural, resource, "DELETED");
    }

    JsonObject Tell(string plural, JsonObject resource, string type)
    {
        history.Add(new StoredChange(version, type, plural, resource.DeepClone().AsObject()));
        var told = changed;
        changed = new TaskCompletionSource();
        if (SynchronizationContext.Current is { } here)      // whoever waits goes on later, and where the time is told
            here.Post(_ => told.SetResult(), null);
        else
            ThreadPool.QueueUserWorkItem(_ => told.SetResult());
        return resource.DeepClone().AsObject();
    }

    // What is null is not there.
    static void Tidy(JsonObject resource)
    {
        foreach (var name in new[] { "metadata", "status", "spec" })
            if (resource[name] is JsonObject part)
                foreach (var (gone, _) in part.Where(member => member.Value is null).ToList())
                    part.Remove(gone);
        if (resource["status"] is null)
            resource.Remove("status");
    }

    static void Merge(JsonObject target, JsonObject patch)
    {
        foreach (var (name, value) in patch)
            if (value is null)
                target.Remove(name);
            else if (value is JsonObject part && target[name] is JsonObject under)
                Merge(under, part);
            else if (value is JsonObject fresh)
            {
                var made = new JsonObject();
                Merge(made, fresh);
                target[name] = made;
            }
            else
                target[name] = value.DeepClone();
    }

    static string Now() => DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
