using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Protocol.Coordination;
using Orleans.Concurrency;

namespace Orchestrator.Grains.Jobs;

/// <summary>A job; the key is its name. It carries the coordinator: events come in, are decided on one by one, saved, and sent on as orders.</summary>
[Alias("job")]
public interface IJobGrain : IGrainWithStringKey
{
    /// <summary>Begins the job, or goes on with it. Idempotent: the same again changes nothing; another plan under the name is refused.</summary>
    /// <exception cref="Protocol.ProblemException">the name is taken by another plan</exception>
    [Alias("submit")]
    Task Submit(JobAssignment job);

    /// <summary>
    /// What the cluster wants of the job, every second: the whole of it, so that a repeat, or one that comes late, changes nothing that the next does not set right. It makes the job known,
    /// has it prepared on its first workers, offers it workers, pauses, resumes and ends it, and brings it back after its silo died. Returns at once.
    /// </summary>
    /// <returns>where the job is</returns>
    [Alias("steer")]
    Task<JobReport> Steer(JobSteering wanted);

    /// <summary>A worker has prepared the job, or says why it could not. Idempotent; of several plans the first counts.</summary>
    [Alias("prepared")]
    Task Prepared(JobPreparationResult result);

    /// <summary>Forgets a job that is over, and its files. Idempotent.</summary>
    /// <exception cref="Protocol.ProblemException">it is not over</exception>
    [Alias("delete")]
    Task Delete();

    /// <summary>The workers the job may have from now on: all of them. Idempotent.</summary>
    [Alias("offer")]
    Task Offer(IReadOnlyList<WorkerOffer> workers);

    /// <summary>
    /// What a worker tells, in order. Idempotent: of several equal reports the first counts, those of an older generation change nothing but the ledger, whose lines
    /// are the same in every generation; of an account the one that shows the most time.
    /// </summary>
    /// <returns>the step up to which the ledger is on disk</returns>
    [Alias("report")]
    Task<Step> Report(IReadOnlyList<JobEvent> events, IReadOnlyList<StepReport> steps, WorkerAccount? account);

    /// <summary>An evaluation is done. Idempotent by its step; one of a checkpoint that the job went back behind changes nothing.</summary>
    [Alias("evaluated")]
    Task Evaluated(EvaluationResult result, Generation since);

    /// <summary>Pauses the job: its state is written and its workers are free. Idempotent.</summary>
    [Alias("suspend")]
    Task Suspend();

    /// <summary>Goes on with a paused job. Idempotent.</summary>
    [Alias("resume")]
    Task Resume();

    /// <summary>Ends the job without a result. Idempotent.</summary>
    [Alias("cancel")]
    Task Cancel();

    /// <summary>The job as it is now.</summary>
    [Alias("snapshot"), AlwaysInterleave]
    Task<JobSnapshot> Snapshot();

    /// <summary>What happened after the event of number <paramref name="after"/>, oldest first; at most a thousand events.</summary>
    [Alias("news"), AlwaysInterleave]
    Task<IReadOnlyList<JobNews>> News(long after);

    /// <summary>The same as lines of text, with the same numbers; at most a thousand.</summary>
    [Alias("logs"), AlwaysInterleave]
    Task<IReadOnlyList<JobLogLine>> Logs(long after);
}
