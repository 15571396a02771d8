using Orchestrator.Engine;
using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Grains.Scheduling;

/// <summary>
/// The cluster's queue and its workers; there is one, of key 0. It carries the pure queue: who waits, who runs where, and why. Silos call it every second, so that it lives
/// as long as one of them does; what it must not forget (jobs, cordons) is stored, what silos tell again (workers) is not.
/// </summary>
[Alias("scheduler")]
public interface ISchedulerGrain : IGrainWithIntegerKey
{
    /// <summary>Takes a job in, behind those that came before. Idempotent: the same spec under the same name again answers with the job as it is.</summary>
    /// <exception cref="Protocol.ProblemException">another spec has the name</exception>
    [Alias("submit")]
    Task<JobEntry> Submit(string space, JobSpec spec);

    /// <summary>All jobs, in the order they came.</summary>
    [Alias("jobs")]
    Task<IReadOnlyList<JobEntry>> Jobs();

    /// <summary>A job, or null where there is none of the key.</summary>
    [Alias("find")]
    Task<JobEntry?> Find(string key);

    /// <summary>Another number of workers. Idempotent.</summary>
    /// <exception cref="Protocol.ProblemException">there is no such job, it is over, or the number is out of its range</exception>
    [Alias("scale")]
    Task<JobEntry> Scale(string key, int workers);

    /// <summary>Pauses a job, or takes it out of the queue without forgetting its place. Idempotent.</summary>
    /// <exception cref="Protocol.ProblemException">there is no such job, or it is over</exception>
    [Alias("suspend")]
    Task<JobEntry> Suspend(string key);

    /// <summary>Lets a paused job run again. Idempotent.</summary>
    /// <exception cref="Protocol.ProblemException">there is no such job, or it is over</exception>
    [Alias("resume")]
    Task<JobEntry> Resume(string key);

    /// <summary>Ends a job without a result. Idempotent; a job that is over stays as it is.</summary>
    /// <exception cref="Protocol.ProblemException">there is no such job</exception>
    [Alias("cancel")]
    Task<JobEntry> Cancel(string key);

    /// <summary>Forgets a job that is over, and its files. Idempotent.</summary>
    /// <exception cref="Protocol.ProblemException">it is not over</exception>
    [Alias("delete")]
    Task Delete(string key);

    /// <summary>A job says where it is. Idempotent; of several the last counts.</summary>
    [Alias("told")]
    Task Told(string key, JobPhase phase, string reason);

    /// <summary>A silo says that it lives and what it has; every second. Of two incarnations of a name the newer counts.</summary>
    [Alias("announce")]
    Task Announce(SiloAnnouncement silo);

    /// <summary>The silos that live, in the order of their names.</summary>
    [Alias("silos")]
    Task<IReadOnlyList<SiloEntry>> Silos();

    /// <summary>
    /// Whether jobs may get new workers of a silo; with <paramref name="drained"/> its workers leave their jobs at the next step. Those that were quarantined, since a job found that they computed wrong,
    /// may be used again once nothing is asked of the silo any more. Idempotent.
    /// </summary>
    /// <exception cref="Protocol.ProblemException">there is no such silo</exception>
    [Alias("cordon")]
    Task<SiloEntry> Cordon(string silo, bool cordoned, bool drained);
}

/// <summary>A job as the queue knows it.</summary>
/// <param name="Space">its namespace</param>
/// <param name="Spec">what was submitted</param>
/// <param name="SpecDigest">SHA-256 of the spec's canonical JSON</param>
/// <param name="WorkersWanted">how many workers it is to have: the spec's number until it is scaled</param>
/// <param name="Phase">where it is; null while it waits for its first workers</param>
/// <param name="Reason">why, and what would let it go on</param>
/// <param name="Position">its place in the queue, from 1; 0 where it does not wait</param>
/// <param name="Leased">the workers it has</param>
/// <param name="Submitted">when it came</param>
/// <param name="Started">when it got its first workers</param>
/// <param name="Ended">when it was over</param>
public sealed record JobEntry(
    string Space, JobSpec Spec, string SpecDigest, int WorkersWanted, JobPhase? Phase, string Reason, int Position, IReadOnlyList<WorkerId> Leased,
    DateTimeOffset Submitted, DateTimeOffset? Started, DateTimeOffset? Ended)
{
    /// <summary>The key of its grain: its name, behind its namespace where that is not <c>default</c>.</summary>
    public string Key => KeyOf(Space, Spec.Name);

    /// <summary>Where it is, for a person.</summary>
    public JobStage Stage { get; init; }

    /// <summary>What its workers compute on, once it is prepared: then only such workers are leased to it.</summary>
    public string? Device { get; init; }

    /// <summary>What its user wants of it.</summary>
    public JobWish Wish { get; init; }

    /// <summary>Where it is and why: its grain hears of its own end, and of what its workers say, before the queue does.</summary>
    /// <param name="now">as its grain knows it; null where it was not asked</param>
    public (JobStage Stage, string Reason) At(JobSnapshot? now)
        => now is { Stage: JobStage.Completed or JobStage.Failed or JobStage.Cancelled } || (Stage == JobStage.Running && now?.Stage == JobStage.Running) ? (now.Stage, now.Reason) : (Stage, Reason);

    /// <summary>The key of a job.</summary>
    public static string KeyOf(string space, string name) => JobAssignment.KeyOf(space, name);
}

/// <summary>What a silo says of itself.</summary>
/// <param name="Silo">its name, which survives a restart</param>
/// <param name="Incarnation">another one after each start; newer ones are greater</param>
/// <param name="Exchange">where its exchange listens, as its peers reach it</param>
/// <param name="Slots">workers it has</param>
/// <param name="Device">what they compute on: two silos with the same text give the same bits</param>
/// <param name="Leaving">whether it is going down</param>
public sealed record SiloAnnouncement(string Silo, long Incarnation, Uri Exchange, int Slots, string Device, bool Leaving);

/// <summary>A silo as the scheduler knows it.</summary>
/// <param name="Announcement">what it said last</param>
/// <param name="Cordoned">whether no job gets a new worker of it</param>
/// <param name="Drained">whether its workers leave their jobs</param>
/// <param name="Since">when this incarnation was heard of first</param>
/// <param name="Jobs">the job of each slot; null where it is free</param>
public sealed record SiloEntry(SiloAnnouncement Announcement, bool Cordoned, bool Drained, DateTimeOffset Since, IReadOnlyList<string?> Jobs)
{
    /// <summary>Why no job gets a worker, by slot: it computed wrong.</summary>
    public IReadOnlyDictionary<int, string> Quarantined { get; init; } = new Dictionary<int, string>();
}
