using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Checkpoints;

/// <summary>The checkpoints of a job; the key is the job's name. The engines write the files; this grain verifies, prunes and hands out. It keeps nothing between two
/// calls, so that it may come to life on another silo between them.</summary>
[Alias("checkpoints")]
public interface ICheckpointGrain : IGrainWithStringKey
{
    /// <summary>Looks at what is on disk. Damaged checkpoints are named in the log and left alone. Idempotent.</summary>
    /// <param name="job">the job</param>
    /// <param name="atMost">how far the ledger reaches: newer checkpoints would leave a gap in it</param>
    [Alias("open")]
    Task<JobCheckpoint> Open(JobAssignment job, Step atMost);

    /// <summary>The job goes back: checkpoints of later steps are deleted. Idempotent.</summary>
    /// <param name="job">the job</param>
    /// <param name="certain">the last step that counts</param>
    [Alias("go-back")]
    Task<JobCheckpoint> GoBack(JobAssignment job, Step certain);

    /// <summary>A checkpoint was written, or a step evaluated: those that are kept no longer go. Idempotent.</summary>
    /// <param name="job">the job</param>
    /// <param name="evaluations">all so far: the best checkpoint stays</param>
    [Alias("prune")]
    Task Prune(JobAssignment job, IReadOnlyList<EvaluationResult> evaluations);

    /// <summary>Puts the adapter of a step's checkpoint where the run's result belongs. Idempotent.</summary>
    [Alias("deliver")]
    Task Deliver(JobAssignment job, Step step);
}

/// <summary>What was found on disk.</summary>
/// <param name="Newest">the newest whole checkpoint, or step 0</param>
/// <param name="Damaged">what is wrong with those that were passed over</param>
public sealed record JobCheckpoint(Step Newest, IReadOnlyList<string> Damaged);
