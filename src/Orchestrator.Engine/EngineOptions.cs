namespace Orchestrator.Engine;

/// <summary>Settings of a process's engine.</summary>
public sealed record EngineOptions
{
    /// <summary>The process's name: its silo's. It survives a restart.</summary>
    public required string Process { get; init; }

    /// <summary>Where tokenised records and digests are kept; what stands there may be deleted at any time.</summary>
    public required string CacheFolder { get; init; }

    /// <summary>Folders in which a model is looked for that a spec names by a relative path or by its digest; none by default.</summary>
    public IReadOnlyList<string> ModelRoots { get; init; } = [];

    /// <summary>Folders below which everything lies that a spec names by a path, with all links followed; null, the default, is anywhere.</summary>
    public IReadOnlyList<string>? PathRoots { get; init; }

    /// <summary>The folder of uploaded records, each a file named by its SHA-256; null where a spec can name none.</summary>
    public string? BlobFolder { get; init; }

    /// <summary>How often in a run the gates are reported, 1 to 100,000; 200 by default.</summary>
    public int GateSamples { get; init; } = 200;
}
