using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Checkpoints;

/// <summary>The checkpoints of a job; the key is the job's name. The engines write the files; this grain verifies, prunes and hands out.</summary>
[Alias("checkpoints")]
public interface ICheckpointGrain : IGrainWithStringKey
{
    /// <summary>Looks at what is on disk. Damaged checkpoints are named in the log and left alone. Idempotent.</summary>
    /// <param name="job">the job</param>
    /// <param name="atMost">how far the ledger reaches: newer checkpoints would leave a gap in it</param>
    /// <param name="evaluations">those of earlier activations and runs: the best checkpoint stays the best</param>
    [Alias("open")]
    Task<JobCheckpoint> Open(JobAssignment job, Step atMost, IReadOnlyList<EvaluationResult> evaluations);

    /// <summary>The job goes back: checkpoints of later steps are deleted. Idempotent.</summary>
    /// <param name="job">the job</param>
    /// <param name="certain">the last step that counts</param>
    /// <param name="evaluations">those that count still</param>
    [Alias("go-back")]
    Task<JobCheckpoint> GoBack(JobAssignment job, Step certain, IReadOnlyList<EvaluationResult> evaluations);

    /// <summary>A checkpoint is on disk; those that are kept no longer go. Idempotent.</summary>
    [Alias("written")]
    Task Written(Step step);

    /// <summary>A step was evaluated: it may be the best. Idempotent.</summary>
    [Alias("evaluated")]
    Task Evaluated(EvaluationResult result);

    /// <summary>Puts the adapter of a step's checkpoint where the run's result belongs. Idempotent.</summary>
    [Alias("deliver")]
    Task Deliver(Step step);
}

/// <summary>What was found on disk.</summary>
/// <param name="Newest">the newest whole checkpoint, or step 0</param>
/// <param name="Damaged">what is wrong with those that were passed over</param>
public sealed record JobCheckpoint(Step Newest, IReadOnlyList<string> Damaged);
