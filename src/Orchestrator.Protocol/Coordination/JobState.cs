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
