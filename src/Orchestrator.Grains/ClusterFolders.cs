using Orchestrator.Engine;

namespace Orchestrator.Grains;

/// <summary>Where a cluster's files lie: one folder that all its silos share.</summary>
/// <param name="Data">its path</param>
public sealed record ClusterFolders(string Data)
{
    /// <summary>The folder of uploaded records.</summary>
    public string Blobs => Path.Combine(Data, "blobs", "sha256");

    /// <summary>The run's folder of a job, as <c>train</c> would leave it.</summary>
    public RunFolder Jobs(string space, string name) => new(Path.Combine(Data, "jobs", space.Length == 0 ? JobAssignment.DefaultSpace : space, name));

    /// <summary>Where an upload lies whose SHA-256, 64 hexadecimal digits in lower case, this is.</summary>
    public string Blob(string sha256) => Path.Combine(Blobs, sha256);
}
