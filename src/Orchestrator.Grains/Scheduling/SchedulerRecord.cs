using Orchestrator.Engine;
using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Grains.Scheduling;

/// <summary>What is stored of the queue: one record.</summary>
public sealed record SchedulerRecord
{
    /// <summary>Version of this record's form; an older one is brought up to date when it is read.</summary>
    public int SchemaVersion { get; init; } = 1;

    /// <summary>Counts up with each save.</summary>
    public long Version { get; init; }

    /// <summary>The jobs, in the order in which they came.</summary>
    public IReadOnlyList<ScheduledJob> Jobs { get; init; } = [];

    /// <summary>Silos that are cordoned, by name; true where they are drained too.</summary>
    public IReadOnlyDictionary<string, bool> Cordons { get; init; } = new Dictionary<string, bool>();

    /// <summary>Workers that no job gets, until their silo is uncordoned.</summary>
    public IReadOnlyList<QuarantinedWorker> Quarantined { get; init; } = [];

    /// <summary>Those that were quarantined and may be used again, as long as the job that found them out has not heard of it.</summary>
    public IReadOnlyList<PardonedWorker> Pardoned { get; init; } = [];

    /// <summary>The job of a key.</summary>
    public ScheduledJob? Find(string key) => Jobs.FirstOrDefault(job => job.Key == key);

    /// <summary>The record with a job changed; the same where there is none, or where nothing changes.</summary>
    public SchedulerRecord With(string key, Func<ScheduledJob, ScheduledJob> change)
    {
        var known = Find(key);
        var next = known is null ? null : change(known);
        return next == known ? this : this with { Jobs = [.. Jobs.Select(job => job == known ? next! : job)] };
    }
}

/// <summary>A worker that computed wrong.</summary>
/// <param name="Worker">which</param>
/// <param name="Job">the key of the job that found it out</param>
/// <param name="Reason">how</param>
/// <param name="Since">when the scheduler heard of it</param>
public sealed record QuarantinedWorker(WorkerId Worker, string Job, string Reason, DateTimeOffset Since);

/// <summary>A worker that somebody says is mended.</summary>
/// <param name="Worker">which</param>
/// <param name="Job">the key of the job that had found it out</param>
public sealed record PardonedWorker(WorkerId Worker, string Job);

/// <summary>A job in the queue.</summary>
/// <param name="Space">its namespace</param>
/// <param name="Spec">what was submitted</param>
/// <param name="SpecDigest">SHA-256 of its canonical JSON</param>
/// <param name="Workers">how many workers it is to have</param>
/// <param name="Submitted">when it came</param>
public sealed record ScheduledJob(string Space, JobSpec Spec, string SpecDigest, int Workers, DateTimeOffset Submitted)
{
    /// <summary>What its user wants.</summary>
    public JobWish Wish { get; init; } = JobWish.Run;

    /// <summary>The coordinator's phase, as it was told last.</summary>
    public JobPhase Phase { get; init; } = JobPhase.Waiting;

    /// <summary>Why it ended.</summary>
    public string Reason { get; init; } = "";

    /// <summary>Whether there is a plan.</summary>
    public bool IsPrepared { get; init; }

    /// <summary>Whether it had workers since it was prepared, or since it was resumed: it runs on with fewer.</summary>
    public bool IsStarted { get; init; }

    /// <summary>What its workers compute on, once it is prepared.</summary>
    public string? Device { get; init; }

    /// <summary>The workers it has.</summary>
    public IReadOnlyList<WorkerOffer> Leased { get; init; } = [];

    /// <summary>When it got its first workers.</summary>
    public DateTimeOffset? Started { get; init; }

    /// <summary>When it was over.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>The key of its grain.</summary>
    public string Key => JobAssignment.KeyOf(Space, Spec.Name);

    /// <summary>Whether it has ended.</summary>
    public bool IsOver => Phase is JobPhase.Completed or JobPhase.Failed or JobPhase.Cancelled;
}
