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
        var behind = state.Workers.Count(worker => worker.Standing is { } standing && standing.Committed != from);
        return (from, $"step {from} is committed on {ahead.Worker}; {behind} of {state.Workers.Count} copy its state");
    }

    /// <summary>Where <paramref name="worker"/> takes the state of step <paramref name="from"/> from.</summary>
    public static StateSource SourceFor(WorkerView worker, IReadOnlyList<WorkerView> members, Step from)
    {
        ArgumentNullException.ThrowIfNull(worker);
        ArgumentNullException.ThrowIfNull(members);
        if (worker.Standing?.Committed == from)
            return new StateSource.Own();
        var holder = members.FirstOrDefault(member => member.Standing?.Committed == from);
        return holder is null ? new StateSource.Checkpoint(from) : new StateSource.Copy(new ProcessAddress(holder.Worker.Silo, holder.Exchange));
    }
}
