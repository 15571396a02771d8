using System.Text.Json.Nodes;

namespace Orchestrator.Operator.Resources;

/// <summary>As much of an API server as the operator needs. All calls may fail by <see cref="RefusedException"/>, and by whatever a network does.</summary>
public interface IClusterResources
{
    /// <summary>All jobs of a namespace, or of all where that is null, and the version of the list.</summary>
    Task<(IReadOnlyList<TrainingJob> Jobs, string Version)> List(string? space, CancellationToken stop);

    /// <summary>What happens to them after a version, until the server has had enough of it.</summary>
    IAsyncEnumerable<ResourceChange> Watch(string? space, string version, CancellationToken stop);

    /// <summary>Changes a job's metadata and spec: a merge patch, refused where it names a version that is not the last.</summary>
    Task<TrainingJob> Patch(ResourceMetadata job, JsonObject patch, CancellationToken stop);

    /// <summary>Changes a job's status, likewise.</summary>
    Task<TrainingJob> PatchStatus(ResourceMetadata job, JsonObject patch, CancellationToken stop);

    /// <summary>Tells something about a job to whoever describes it. Told again under its name it changes nothing.</summary>
    Task Tell(TrainingJob job, Notice notice, CancellationToken stop);

    /// <summary>How many pods a StatefulSet is to have.</summary>
    Task<int> Pods(string space, string set, CancellationToken stop);

    /// <summary>Sets how many pods a StatefulSet is to have.</summary>
    Task SetPods(string space, string set, int pods, CancellationToken stop);
}

/// <summary>Something that happened to a resource.</summary>
/// <param name="Job">the resource; null where only the version moved on</param>
/// <param name="IsGone">whether it is no more</param>
/// <param name="Version">what a later watch goes on from</param>
public readonly record struct ResourceChange(TrainingJob? Job, bool IsGone, string Version);

/// <summary>An event of Kubernetes.</summary>
/// <param name="Name">the same for the same event</param>
/// <param name="Reason">what happened, in a word</param>
/// <param name="Note">what happened, for a person</param>
/// <param name="IsWarning">whether somebody should look</param>
public sealed record Notice(string Name, string Reason, string Note, bool IsWarning = false);

/// <summary>The API server says no.</summary>
/// <param name="code">as HTTP has it</param>
/// <param name="message">why</param>
/// <param name="again">how long it asks to be left alone</param>
public sealed class RefusedException(int code, string message, TimeSpan? again = null) : Exception(message)
{
    /// <summary>As HTTP has it.</summary>
    public int Code => code;

    /// <summary>How long it asks to be left alone.</summary>
    public TimeSpan? Again => again;

    /// <summary>Whether the version is too old: whoever watches has to list.</summary>
    public bool IsGone => code == 410;

    /// <summary>Whether somebody else was faster.</summary>
    public bool IsConflict => code == 409;

    /// <summary>Whether there is no such resource.</summary>
    public bool IsMissing => code == 404;
}
