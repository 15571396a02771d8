using Microsoft.Extensions.Logging;
using Orchestrator.Grains.Checkpoints;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Jobs;

/// <content>What is on disk when the job begins, and what is dropped from it when the job goes back.</content>
sealed partial class JobGrain
{
    // What was to be dropped when the activation before died is dropped first.
    async Task<JobEvent> StartFromDisk()
    {
        if (Record.State.GoingBack is not null)
        {
            await Change(record => record with { });      // fails where another activation has gone on since, and reads what that one has saved
            if (Record.State.GoingBack is { } goal)
                return await GoBack(goal);
        }
        return new JobEvent.Started(await NewestCheckpoint(), Record.State.WaysBack.Count);
    }

    // Only who has just saved may drop anything.
    async Task<JobEvent> GoBack(Step certain)
    {
        var ways = Record.State.WaysBack.Count;
        ledger!.Truncate(certain);
        evaluationsWanted.RemoveWhere(step => step > certain);
        foreach (var later in untold.Keys.Where(step => step > certain.Number).ToList())
            untold.Remove(later);
        if (Record.Evaluations.Any(evaluation => evaluation.Step > certain))
            await Save(Record with { Evaluations = [.. Record.Evaluations.Where(evaluation => evaluation.Step <= certain)] });
        var newest = await GrainFactory.GetGrain<ICheckpointGrain>(this.GetPrimaryKeyString()).GoBack(Job, certain);
        return new JobEvent.Started(newest.Newest, ways);
    }

    // A worker cannot read a checkpoint. Is it the checkpoint, or the worker's way to it?
    async Task<JobEvent> Inspect(JobOrder.Inspect inspect)
    {
        var newest = await NewestCheckpoint();
        return newest != inspect.Checkpoint      // a newer one may be whole as well: its writer may not have been heard
            ? new JobEvent.Started(newest, Record.State.GoingBack is null ? Record.State.WaysBack.Count : 0)
            : new JobEvent.Refused(inspect.Worker, inspect.Generation, inspect.Reason);
    }

    [LoggerMessage(EventName = "WorkerQuarantined", Level = LogLevel.Error, Message = "{Job}: {Worker} is used no more: {Reason}")]
    partial void LogQuarantined(string job, WorkerId worker, string reason);
}
