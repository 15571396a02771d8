using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Learning.Files;
using Orleans.Storage;

namespace Orchestrator.Grains.Storage;

/// <summary>
/// Grain state as readable files of one folder, for one machine: written under a temporary name, flushed, renamed. The ETag is a version that counts up; a writer with another one than the
/// file's is refused. One process at a time has the folder.
/// </summary>
/// <param name="folder">where the files lie</param>
/// <param name="options">how states are written</param>
sealed class FileGrainStorage(string folder, JsonSerializerOptions options) : IGrainStorage
{
    readonly Lock gate = new();

    /// <inheritdoc/>
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        lock (gate)
        {
            var path = PathOf(stateName, grainId);
            grainState.RecordExists = File.Exists(path);
            if (!grainState.RecordExists)
            {
                (grainState.State, grainState.ETag) = (Activator.CreateInstance<T>(), null!);
                return Task.CompletedTask;
            }
            var stored = JsonNode.Parse(File.ReadAllBytes(path))!;
            grainState.ETag = (string)stored["etag"]!;
            grainState.State = stored["state"].Deserialize<T>(options)!;
        }
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        lock (gate)
        {
            var path = PathOf(stateName, grainId);
            var next = (Demand(path, grainState.ETag) + 1).ToString(CultureInfo.InvariantCulture);
            var json = new JsonObject { ["etag"] = next, ["state"] = JsonSerializer.SerializeToNode(grainState.State, options) };
            AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(json.ToJsonString())));
            (grainState.ETag, grainState.RecordExists) = (next, true);
        }
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        lock (gate)
        {
            var path = PathOf(stateName, grainId);
            Demand(path, grainState.ETag);
            File.Delete(path);
            (grainState.State, grainState.ETag, grainState.RecordExists) = (Activator.CreateInstance<T>(), null!, false);
        }
        return Task.CompletedTask;
    }

    static long Demand(string path, string? etag)
    {
        var stored = File.Exists(path) ? (string?)JsonNode.Parse(File.ReadAllBytes(path))!["etag"] : null;
        return stored == etag
            ? long.Parse(stored ?? "0", CultureInfo.InvariantCulture)
            : throw new InconsistentStateException($"{path} was written by somebody else", stored ?? "none", etag ?? "none");
    }

    string PathOf(string stateName, GrainId grainId) => Path.Combine(folder, $"{stateName}-{Uri.EscapeDataString(grainId.ToString())}.json");
}
