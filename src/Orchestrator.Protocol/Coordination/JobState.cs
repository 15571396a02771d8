namespace Orchestrator.Protocol.Coordination;

/// <summary>Where a job is.</summary>
public enum JobPhase
{
    /// <summary>Not enough workers are ready.</summary>
    Waiting,

    /// <summary>The workers of a new generation say what they have.</summary>
    Mustering,

    /// <summary>Steps are computed.</summary>
    Running,

    /// <summary>Steps are computed until all stand after the same one.</summary>
    Halting,

    /// <summary>All stand at a step whose checkpoint or evaluation decides how it goes on.</summary>
    AtBoundary,

    /// <summary>All stand and the state is being written, for a pause.</summary>
    Suspending,

    /// <summary>Paused; no worker is held.</summary>
    Suspended,

    /// <summary>Done.</summary>
    Completed,

    /// <summary>Ended without a result.</summary>
    Failed,

    /// <summary>Ended by its user.</summary>
    Cancelled,
}

/// <summary>What the coordinator knows of a worker.</summary>
/// <param name="Worker">who</param>
/// <param name="Exchange">where its process' exchange listens</param>
/// <param name="IsMember">whether it takes part in the current generation</param>
/// <param name="Since">the generation in which it was invited; what it said before counts no more</param>
/// <param name="Standing">what it said it has when it last stood still; null while it loads or computes</param>
public sealed record WorkerView(WorkerId Worker, Uri Exchange, bool IsMember, Generation Since, Standing? Standing);

/// <summary>What is known of a worker beyond its membership, whether it is there or not.</summary>
/// <param name="Worker">who</param>
/// <param name="From">the step after which it computed for the job first; null if it never did</param>
/// <param name="Pace">seconds that it needs for an average micro-batch, as it told last; null before</param>
public sealed record WorkerHistory(WorkerId Worker, Step? From, double? Pace);

/// <summary>The job went back: what was computed before <paramref name="Generation"/> counts up to <paramref name="Step"/> only.</summary>
public sealed record WayBack(Generation Generation, Step Step);

/// <summary>A worker that computed wrong.</summary>
/// <param name="Worker">who</param>
/// <param name="Step">where it was found</param>
/// <param name="Reason">how, in words for a person</param>
public sealed record Quarantined(WorkerId Worker, Step Step, string Reason);

/// <summary>What changes about a job: private to its coordinator, saved before any order goes out.</summary>
public sealed record JobState
{
    /// <summary>Where the job is.</summary>
    public JobPhase Phase { get; init; } = JobPhase.Waiting;

    /// <summary>Why, in words for a person.</summary>
    public string Reason { get; init; } = "";

    /// <summary>The current membership's number.</summary>
    public Generation Generation { get; init; } = Generation.None;

    /// <summary>The workers it may use, in the order of their ids.</summary>
    public IReadOnlyList<WorkerView> Workers { get; init; } = [];

    /// <summary>Workers that may be used no more: members leave when all stand; all are released when the next generation begins.</summary>
    public IReadOnlyList<WorkerId> Leaving { get; init; } = [];

    /// <summary>The step that the current generation started from.</summary>
    public Step Base { get; init; } = Step.Start;

    /// <summary>Where the current generation stands without being asked; while all stand, the step they stand at.</summary>
    public Step Through { get; init; } = Step.Start;

    /// <summary>The highest step that some worker has committed.</summary>
    public Step Committed { get; init; } = Step.Start;

    /// <summary>The newest whole checkpoint on disk.</summary>
    public Step Checkpoint { get; init; } = Step.Start;

    /// <summary>The last boundary whose evaluation is done.</summary>
    public Step Evaluated { get; init; } = Step.Start;

    /// <summary>Generations in a row that ended without a commit: too many mean that trying again is of no use.</summary>
    public int FruitlessGenerations { get; init; }

    /// <summary>Until when those who stand wait for those who do not: in a muster, at the end of a generation, or while workers load.</summary>
    public DateTimeOffset? MusterDeadline { get; init; }

    /// <summary>Until when a boundary waits for its checkpoint or evaluation before everybody is asked anew.</summary>
    public DateTimeOffset? BoundaryDeadline { get; init; }

    /// <summary>How often the checkpoint that the job waits for has failed.</summary>
    public int FailedWrites { get; init; }

    /// <summary>What is known of every worker that ever computed, in the order of their ids.</summary>
    public IReadOnlyList<WorkerHistory> Histories { get; init; } = [];

    /// <summary>The deal of the current generation's later steps; null before the first.</summary>
    public Deal? Deal { get; init; }

    /// <summary>The highest step at which the deal was found not to fit the speeds; null before.</summary>
    public Step? Balanced { get; init; }

    /// <summary>How often the present workers were dealt to by their speeds.</summary>
    public int DealsBySpeed { get; init; }

    /// <summary>What the audits have found so far.</summary>
    public AuditBook Audits { get; init; } = AuditBook.Empty;

    /// <summary>Workers that this job uses no more.</summary>
    public IReadOnlyList<Quarantined> Quarantined { get; init; } = [];

    /// <summary>How often, and to where, the job went back, oldest first.</summary>
    public IReadOnlyList<WayBack> WaysBack { get; init; } = [];

    /// <summary>The step behind which everything is to be dropped before the next generation begins; null if nothing is.</summary>
    public Step? GoingBack { get; init; }

    /// <summary>What an audit will explain: a step that was computed twice with different results. The job does not end with it.</summary>
    public string? Contradiction { get; init; }

    /// <summary>The generation since which everything counts.</summary>
    public Generation Since => WaysBack.Count == 0 ? Generation.None : WaysBack[^1].Generation;

    /// <summary>Whether what was computed of a step in a generation counts: a line of the ledger, a checkpoint, an evaluation.</summary>
    public bool Counts(Generation generation, Step step) => !WaysBack.Any(way => generation < way.Generation && step > way.Step);

    /// <summary>The state that a job which is over begins again with: what is known of the workers stays known.</summary>
    public JobState Again() => new() { Generation = Generation, Histories = Histories, Quarantined = Quarantined, WaysBack = WaysBack };

    /// <summary>Whether the user wants it paused.</summary>
    public bool SuspendWanted { get; init; }

    /// <summary>Whether it has ended.</summary>
    public bool IsOver => Phase is JobPhase.Completed or JobPhase.Failed or JobPhase.Cancelled;
}

/// <summary>A decision: the state to save, then the orders to carry, and why.</summary>
public sealed record JobDecision(JobState State, IReadOnlyList<JobOrder> Orders, string Reason)
{
    /// <summary>
    /// The event speaks of a generation that this state does not know yet. Since no order runs ahead of its record, another coordinator has saved a later state: whoever
    /// carries this one reads it, begins again with <see cref="JobEvent.Started"/>, and then decides on this event anew.
    /// </summary>
    public bool IsStale { get; init; }
}
