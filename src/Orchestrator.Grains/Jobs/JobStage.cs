using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Jobs;

/// <summary>Where a job is, for a person; the coordinator's <see cref="JobPhase"/> says more while it runs.</summary>
public enum JobStage
{
    /// <summary>It waits for workers, data or a base.</summary>
    Queued,

    /// <summary>Base and data are looked at, records are tokenised.</summary>
    Preparing,

    /// <summary>It has workers.</summary>
    Running,

    /// <summary>Paused.</summary>
    Suspended,

    /// <summary>Done.</summary>
    Completed,

    /// <summary>Ended without a result.</summary>
    Failed,

    /// <summary>Ended by its user.</summary>
    Cancelled,
}

/// <summary>From phases to stages.</summary>
static class Stages
{
    /// <summary>The stage of a job.</summary>
    /// <param name="phase">the coordinator's</param>
    /// <param name="hasWorkers">whether it may use any</param>
    /// <param name="prepared">whether there is a plan</param>
    public static JobStage Of(JobPhase phase, bool hasWorkers, bool prepared) => phase switch
    {
        JobPhase.Completed => JobStage.Completed,
        JobPhase.Failed => JobStage.Failed,
        JobPhase.Cancelled => JobStage.Cancelled,
        JobPhase.Suspended => JobStage.Suspended,
        _ when !hasWorkers => JobStage.Queued,
        _ => prepared ? JobStage.Running : JobStage.Preparing,
    };
}
