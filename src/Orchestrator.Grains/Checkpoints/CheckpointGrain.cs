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
    /// <inheritdoc/>
    public async Task<JobCheckpoint> Open(JobAssignment job, Step atMost)
    {
        var damaged = new List<string>();
        var newest = await Task.Run(() => CheckpointReader.Newest(new RunFolder(job.Folder), job.Plan, atMost, damage => damaged.Add(damage.Message)));
        foreach (var damage in damaged)
            LogDamaged(job.Name, damage);
        return new JobCheckpoint(newest, damaged);
    }

    /// <inheritdoc/>
    public async Task<JobCheckpoint> GoBack(JobAssignment job, Step certain)
    {
        await Task.Run(() => CheckpointReader.DropAfter(new RunFolder(job.Folder), certain));
        return await Open(job, certain);
    }

    /// <inheritdoc/>
    public async Task Prune(JobAssignment job, IReadOnlyList<EvaluationResult> evaluations)
    {
        var losses = new Dictionary<Step, double>();
        foreach (var evaluation in evaluations)
            losses[evaluation.Step] = evaluation.Loss;
        try
        {
            await Task.Run(() => Retention.Prune(new RunFolder(job.Folder), job.Plan, losses));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotPruned(job.Name, e.Message);      // too many checkpoints are no reason to stop
        }
    }

    /// <inheritdoc/>
    public Task Deliver(JobAssignment job, Step step) => Task.Run(() => CheckpointReader.Deliver(new RunFolder(job.Folder), step));

    [LoggerMessage(EventName = "CheckpointDamaged", Level = LogLevel.Warning, Message = "{Job}: {Problem}")]
    partial void LogDamaged(string job, string problem);

    [LoggerMessage(EventName = "CheckpointsNotPruned", Level = LogLevel.Warning, Message = "{Job}: old checkpoints stay: {Reason}")]
    partial void LogNotPruned(string job, string reason);
}
