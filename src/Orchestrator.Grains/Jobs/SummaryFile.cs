using System.Diagnostics;
using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Ledger;

namespace Orchestrator.Grains.Jobs;

/// <summary>Writes <c>run.json</c> when a job begins, pauses or ends.</summary>
static class SummaryFile
{
    public static void Write(JobAssignment job, JobState state, IReadOnlyList<EvaluationResult> evaluations, LedgerLine? last, SpeedTotals speed, int workers, WorkerSeconds seconds, string adapterSha256 = "")
    {
        var run = new RunFolder(job.Folder);
        using var process = Process.GetCurrentProcess();
        new RunSummary
        {
            Job = job.Name,
            State = state.Phase switch { JobPhase.Completed => "completed", JobPhase.Suspended => "interrupted", JobPhase.Cancelled => "cancelled", JobPhase.Failed => "failed", _ => "running" },
            Reason = state.Reason,
            AdapterSha256 = state.Phase == JobPhase.Completed ? adapterSha256.Length > 0 ? adapterSha256 : new FileDigests(cacheFolder: null).Sha256(run.Adapter) : "",
            Step = last?.Step ?? 0,
            Steps = job.Plan.Last.Number,
            Loss = last?.Loss,
            Parameters = job.Plan.Parameters,
            TrainingRecords = job.Plan.TrainingSamples,
            ValidationRecords = job.Plan.ValidationSamples,
            Kind = job.Plan.Kind,
            Workers = workers,
            Seconds = speed.Seconds,
            TokensPerSecond = speed.Seconds > 0 ? speed.Tokens / speed.Seconds : 0,
            SupervisedTokensPerSecond = speed.Seconds > 0 ? speed.Supervised / speed.Seconds : 0,
            WorkerSeconds = seconds,
            Goodput = seconds.Goodput,
            ActivationBytes = speed.ActivationBytes > 0 ? speed.ActivationBytes : null,
            PeakResidentBytes = process.PeakWorkingSet64,
            Digests = job.Plan.Digests,
            Evaluations = evaluations,
            Spec = job.Plan.Spec,
        }.Write(run);
    }
}
