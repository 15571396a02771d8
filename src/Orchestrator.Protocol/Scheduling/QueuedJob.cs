using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Scheduling;

/// <summary>A job as the queue sees it. Jobs come in the order in which they were submitted.</summary>
/// <param name="Key">which</param>
/// <param name="Workers">how many workers it is to have, at least 1</param>
public sealed record QueuedJob(string Key, int Workers)
{
    /// <summary>Whether it wants any: a job that is paused keeps its place and gets none.</summary>
    public bool IsWanted { get; init; } = true;

    /// <summary>Whether it has begun: it is refilled worker by worker and runs on with fewer. Before, it takes all that it wants or none.</summary>
    public bool IsStarted { get; init; }

    /// <summary>What its workers compute on, once that is fixed: with the first plan.</summary>
    public string? Device { get; init; }

    /// <summary>What its spec demands of a device; null takes any.</summary>
    public DeviceKind? Needs { get; init; }

    /// <summary>The workers that it was leased last.</summary>
    public IReadOnlyList<WorkerId> Leased { get; init; } = [];

    /// <summary>Workers that it has not let go of yet, leased or not: nobody else gets them.</summary>
    public IReadOnlyList<WorkerId> Held { get; init; } = [];

    /// <summary>Silos that said they cannot take part, with what they lack.</summary>
    public IReadOnlyDictionary<string, string> Lacks { get; init; } = new Dictionary<string, string>();
}

/// <summary>What may be done with a silo's workers.</summary>
public enum SiloUse
{
    /// <summary>Everything.</summary>
    Open,

    /// <summary>Those that are leased stay where they are; nobody gets a new one.</summary>
    Cordoned,

    /// <summary>Nothing: those that are leased leave.</summary>
    Leaving,
}

/// <summary>A silo that lives.</summary>
/// <param name="Silo">its name</param>
/// <param name="Slots">its workers, numbered from 0</param>
/// <param name="Device">what they compute on, <c>cpu …</c> or <c>cuda …</c>: the same text gives the same bits</param>
/// <param name="Use">what may be done with them</param>
public sealed record QueueSilo(string Silo, int Slots, string Device, SiloUse Use = SiloUse.Open)
{
    /// <summary>Workers among them that no job gets: they computed wrong.</summary>
    public IReadOnlySet<int> Quarantined { get; init; } = new HashSet<int>();
}

/// <summary>What the queue decides for a job.</summary>
/// <param name="Job">its key</param>
/// <param name="Workers">the workers it has from now on, in their order</param>
/// <param name="Position">its place among the jobs that wait, from 1; 0 where it does not wait</param>
/// <param name="Reason">why it has these and no others, and what would change that</param>
public sealed record JobLease(string Job, IReadOnlyList<WorkerId> Workers, int Position, string Reason);
