using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine;

/// <summary>A job as a worker needs it.</summary>
/// <param name="Plan">what is to be computed</param>
/// <param name="Folder">the run's folder: checkpoints and the result go there</param>
/// <param name="Space">the namespace of its name</param>
public sealed record JobAssignment(JobPlan Plan, string Folder, string Space = JobAssignment.DefaultSpace)
{
    /// <summary>The namespace of names that say none.</summary>
    public const string DefaultSpace = "default";

    /// <summary>The job's name in its cluster, <see cref="KeyOf"/> its namespace and its own: the key of its grain, and what the exchange calls it.</summary>
    public string Name => KeyOf(Space, Plan.Spec.Name);

    /// <summary>The span that the workers' spans belong to, as W3C's <c>traceparent</c> writes it; null where nothing is traced.</summary>
    public string? Trace { get; init; }

    /// <summary>A job's key: its name, behind its namespace and a slash where that is not <see cref="DefaultSpace"/>.</summary>
    public static string KeyOf(string space, string name) => space is "" or DefaultSpace ? name : $"{space}/{name}";
}
