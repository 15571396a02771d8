using System.Text.Json;
using System.Text.Json.Serialization;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine.Checkpoints;

/// <summary>A checkpoint's table of contents, <c>manifest.json</c>: what it is the state of, and the digests of its files.</summary>
public sealed record Manifest
{
    /// <summary>Version of the format.</summary>
    public int Format { get; init; } = 1;

    /// <summary>The job's name.</summary>
    public required string Job { get; init; }

    /// <summary>The step whose state it is.</summary>
    public required long Step { get; init; }

    /// <summary>The pass over the data that the next step belongs to, from 0.</summary>
    public required int NextEpoch { get; init; }

    /// <summary>The next step's place within that pass, from 0.</summary>
    public required int NextIteration { get; init; }

    /// <summary>SHA-256 of the flat parameter vector: the ledger's line of this step says the same.</summary>
    public required string Parameters { get; init; }

    /// <summary>Digests of what the state is a function of.</summary>
    public required JobDigests Digests { get; init; }

    /// <summary>SHA-256 of each file, by name.</summary>
    public required IReadOnlyDictionary<string, string> Files { get; init; }

    /// <summary>The spec, canonical.</summary>
    public required JsonElement Spec { get; init; }

    /// <summary>The file's name.</summary>
    public const string FileName = "manifest.json";

    static readonly JsonSerializerOptions options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
    };

    /// <summary>The manifest as it stands in the file.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, options);

    /// <summary>Reads the manifest of a checkpoint.</summary>
    /// <exception cref="ProblemException">it is missing or damaged</exception>
    public static Manifest Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            return JsonSerializer.Deserialize<Manifest>(File.ReadAllBytes(path), options) is { Format: 1, Files: not null, Digests: not null } manifest
                ? manifest
                : throw new ProblemException(path, "another format", "a checkpoint of format 1", "use the version of the program that wrote it");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(path, e.Message, "a checkpoint's manifest", "the checkpoint is damaged; the one before it will do");
        }
    }
}
