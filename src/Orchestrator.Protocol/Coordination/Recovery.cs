namespace Orchestrator.Protocol.Coordination;

/// <summary>Where a generation starts, from what its workers have.</summary>
public static class Recovery
{
    /// <summary>The step whose state a new generation starts from: the highest that a standing worker has committed, or the newest checkpoint.</summary>
    public static (Step From, string Reason) Start(JobState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var holders = state.Workers.Where(worker => worker.Standing?.Committed is not null).ToList();
        if (holders.Count == 0)
            return (state.Checkpoint, state.Checkpoint == Step.Start ? "from the start values" : $"from the checkpoint of step {state.Checkpoint}");
        var ahead = holders.MaxBy(worker => worker.Standing!.Committed!.Value.Number)!;
        var from = ahead.Standing!.Committed!.Value;
        if (from < state.Checkpoint)
            return (state.Checkpoint, $"from the checkpoint of step {state.Checkpoint}, which is ahead of every worker");
        var ready = state.Workers.Where(worker => worker.Standing is not null).ToList();
        return (from, $"step {from} is committed on {ahead.Worker}; {ready.Count(worker => worker.Standing!.Committed != from)} of {ready.Count} copy its state");
    }

    /// <summary>Where <paramref name="worker"/> takes the state of step <paramref name="from"/> from.</summary>
    public static StateSource SourceFor(WorkerView worker, IReadOnlyList<WorkerView> members, Step from)
    {
        ArgumentNullException.ThrowIfNull(worker);
        ArgumentNullException.ThrowIfNull(members);
        if (worker.Standing?.Committed == from)
            return new StateSource.Own();
        var holders = members.Where(member => member.Standing?.Committed == from);
        var holder = holders.FirstOrDefault(member => member.Worker.Silo == worker.Worker.Silo) ?? holders.FirstOrDefault();      // nearest first
        return holder is null ? new StateSource.Checkpoint(from) : new StateSource.Copy(new ProcessAddress(holder.Worker.Silo, holder.Exchange));
    }
}
