using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Engine.Checkpoints;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Checkpoints;

/// <inheritdoc cref="ICheckpointGrain"/>
[KeepAlive]
sealed partial class CheckpointGrain(ILogger<CheckpointGrain> log) : Grain, ICheckpointGrain
{
    readonly Dictionary<Step, double> losses = [];
    JobAssignment? job;

    /// <inheritdoc/>
    public async Task<JobCheckpoint> Open(JobAssignment job, Step atMost, IReadOnlyList<EvaluationResult> evaluations)
    {
        this.job = job;
        losses.Clear();
        foreach (var evaluation in evaluations)
            losses[evaluation.Step] = evaluation.Loss;
        var damaged = new List<string>();
        var newest = await Task.Run(() => CheckpointReader.Newest(new RunFolder(job.Folder), job.Plan, atMost, damage => damaged.Add(damage.Message)));
        foreach (var damage in damaged)
            LogDamaged(job.Name, damage);
        return new JobCheckpoint(newest, damaged);
    }

    /// <inheritdoc/>
    public async Task<JobCheckpoint> GoBack(JobAssignment job, Step certain, IReadOnlyList<EvaluationResult> evaluations)
    {
        await Task.Run(() => CheckpointReader.DropAfter(new RunFolder(job.Folder), certain));
        return await Open(job, certain, evaluations);
    }

    /// <inheritdoc/>
    public Task Written(Step step) => Prune();

    /// <inheritdoc/>
    public Task Evaluated(EvaluationResult result)
    {
        losses[result.Step] = result.Loss;
        return Prune();
    }

    async Task Prune()
    {
        if (job is { } known)
        {
            try
            {
                var kept = new Dictionary<Step, double>(losses);
                await Task.Run(() => Retention.Prune(new RunFolder(known.Folder), known.Plan, kept));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                LogNotPruned(known.Name, e.Message);      // too many checkpoints are no reason to stop
            }
        }
    }

    /// <inheritdoc/>
    public async Task Deliver(Step step)
    {
        if (job is { } known)
            await Task.Run(() => CheckpointReader.Deliver(new RunFolder(known.Folder), step));
    }

    [LoggerMessage(EventName = "CheckpointDamaged", Level = LogLevel.Warning, Message = "{Job}: {Problem}")]
    partial void LogDamaged(string job, string problem);

    [LoggerMessage(EventName = "CheckpointsNotPruned", Level = LogLevel.Warning, Message = "{Job}: old checkpoints stay: {Reason}")]
    partial void LogNotPruned(string job, string reason);
}
