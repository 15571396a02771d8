using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Grains.Jobs;

/// <summary>What a job's user wants of it.</summary>
public enum JobWish
{
    /// <summary>That it runs.</summary>
    Run,

    /// <summary>That it writes a checkpoint and gives its workers back.</summary>
    Pause,

    /// <summary>That it ends without a result.</summary>
    End,
}

/// <summary>What the cluster wants of a job now.</summary>
/// <param name="Space">its namespace</param>
/// <param name="Spec">what was submitted</param>
/// <param name="Workers">all the workers that it may use</param>
/// <param name="Wish">what its user wants</param>
/// <param name="Reason">why it has these workers and no others</param>
/// <param name="Version">counts up with each decision that was stored: an older one changes nothing</param>
public sealed record JobSteering(string Space, JobSpec Spec, IReadOnlyList<WorkerOffer> Workers, JobWish Wish, string Reason, long Version)
{
    /// <summary>Workers that it had found to compute wrong, and that somebody says are mended.</summary>
    public IReadOnlyList<WorkerId> Pardoned { get; init; } = [];
}

/// <summary>Where a job is, for whoever gives it workers.</summary>
/// <param name="Phase">the coordinator's</param>
/// <param name="Reason">why</param>
/// <param name="IsPrepared">whether there is a plan: from then on its kind of device is fixed</param>
/// <param name="Holds">workers that it has not let go of, those it is to give back among them</param>
/// <param name="Lacks">silos that cannot take part, with their reason</param>
public sealed record JobReport(JobPhase Phase, string Reason, bool IsPrepared, IReadOnlyList<WorkerId> Holds, IReadOnlyDictionary<string, string> Lacks)
{
    /// <summary>Workers that it has found to compute wrong.</summary>
    public IReadOnlyList<Quarantined> Quarantined { get; init; } = [];
}

/// <summary>What came of a preparation: one of the last three members is set.</summary>
/// <param name="Silo">who prepared</param>
/// <param name="Plan">what follows from the spec</param>
/// <param name="Warnings">what the user may not have meant</param>
/// <param name="Lack">what this silo lacks: another may have it</param>
/// <param name="Mistake">what is wrong with the job, wherever it is prepared</param>
public sealed record JobPreparationResult(string Silo, JobPlan? Plan, IReadOnlyList<string> Warnings, string? Lack, string? Mistake);
