using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine;

/// <summary>A job as a worker needs it.</summary>
/// <param name="Plan">what is to be computed</param>
/// <param name="Folder">the run's folder: checkpoints and the result go there</param>
public sealed record JobAssignment(JobPlan Plan, string Folder)
{
    /// <summary>The job's name.</summary>
    public string Name => Plan.Spec.Name;
}
