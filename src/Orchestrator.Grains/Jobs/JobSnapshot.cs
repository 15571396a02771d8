using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Jobs;

/// <summary>A job as it is now.</summary>
/// <param name="Phase">where it is</param>
/// <param name="Reason">why</param>
/// <param name="Step">the highest committed step</param>
/// <param name="Last">the last step</param>
/// <param name="Generation">the current membership</param>
/// <param name="Members">who computes</param>
/// <param name="Checkpoint">the newest checkpoint</param>
/// <param name="Written">the step up to which the ledger is on disk</param>
/// <param name="Refusal">what a worker said that cannot take part, if one did</param>
public sealed record JobSnapshot(
    JobPhase Phase, string Reason, Step Step, Step Last, Generation Generation, IReadOnlyList<WorkerId> Members, Step Checkpoint, Step Written, string? Refusal)
{
    /// <summary>The same for a person.</summary>
    public JobStage Stage { get; init; }

    /// <summary>Kind of device, versions and precision within which the bits are promised; empty until it is prepared.</summary>
    public string Kind { get; init; } = "";

    /// <summary>Mean training loss of the last written step.</summary>
    public double? Loss { get; init; }

    /// <summary>Loss of the last evaluation.</summary>
    public double? ValidationLoss { get; init; }

    /// <summary>Tokens of the records per second, over the last steps; 0 while it does not run.</summary>
    public double TokensPerSecond { get; init; }

    /// <summary>Until its end, at that speed; null while it does not run.</summary>
    public TimeSpan? Remaining { get; init; }

    /// <summary>SHA-256 of the adapter; empty until it is completed.</summary>
    public string AdapterSha256 { get; init; } = "";

    /// <summary>What its user may not have meant.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The silo whose grain decides for it now.</summary>
    public string Silo { get; init; } = "";

    /// <summary>Training loss at some steps, evenly spread over those in force; the last is that of the last one.</summary>
    public IReadOnlyList<float> Curve { get; init; } = [];

    /// <summary>Where its workers' time went, until now.</summary>
    public WorkerSeconds? WorkerSeconds { get; init; }
}

/// <summary>Something that a person who watches the job wants to hear of: one of the members is set.</summary>
/// <param name="Number">counts up from 1</param>
/// <param name="Decision">the job's phase and why it is in it</param>
/// <param name="Step">a step in force</param>
/// <param name="Evaluation">a step's evaluation</param>
/// <param name="Checkpoint">a checkpoint on disk</param>
public sealed record JobNews(long Number, JobDecisionNews? Decision = null, StepReport? Step = null, EvaluationResult? Evaluation = null, Step? Checkpoint = null)
{
    /// <summary>When it was told.</summary>
    public DateTimeOffset At { get; init; }

    /// <summary>The last step, with a step; else 0.</summary>
    public long Steps { get; init; }

    /// <summary>Members of the generation, with a step; else 0.</summary>
    public int Workers { get; init; }
}

/// <summary>What the coordinator decided, or what else is to be said of the job in this phase: a worker that is lost, or that cannot take part.</summary>
public sealed record JobDecisionNews(JobPhase Phase, Generation Generation, string Reason, int Members)
{
    /// <summary>The phase for a person.</summary>
    public JobStage Stage { get; init; }

    /// <summary>The members of the generation.</summary>
    public IReadOnlyList<WorkerId> Workers { get; init; } = [];
}

/// <summary>A line of a job's log.</summary>
/// <param name="Number">the event's</param>
/// <param name="At">when</param>
/// <param name="Text">what happened</param>
public sealed record JobLogLine(long Number, DateTimeOffset At, string Text);
