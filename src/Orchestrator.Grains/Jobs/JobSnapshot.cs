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
    /// <summary>Where its workers' time went, until now.</summary>
    public WorkerSeconds? WorkerSeconds { get; init; }
}

/// <summary>Something that a person who watches the job wants to hear of: one of the members is set.</summary>
/// <param name="Number">counts up from 1</param>
/// <param name="Decision">the job's phase and why it is in it</param>
/// <param name="Step">a step in force</param>
/// <param name="Evaluation">a step's evaluation</param>
/// <param name="Checkpoint">a checkpoint on disk</param>
public sealed record JobNews(long Number, JobDecisionNews? Decision = null, StepReport? Step = null, EvaluationResult? Evaluation = null, Step? Checkpoint = null);

/// <summary>What the coordinator decided.</summary>
public sealed record JobDecisionNews(JobPhase Phase, Generation Generation, string Reason, int Members);
