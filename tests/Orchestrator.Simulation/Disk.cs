using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Simulation;

/// <summary>A line of the ledger: a step and the state after it.</summary>
readonly record struct Line(long Step, ulong State);

/// <summary>What is on disk, shared by all: checkpoints, the ledger and the coordinator's state. It survives everything.</summary>
sealed class Disk
{
    readonly SortedDictionary<long, (ulong State, IReadOnlyList<Line> Unwritten)> checkpoints = new() { [0] = (Arithmetic.Start, []) };

    /// <summary>Until when it is full, in microseconds.</summary>
    public long FullUntil { get; set; }

    /// <summary>Until when the coordinator's state cannot be saved.</summary>
    public long DatabaseDownUntil { get; set; }

    /// <summary>The ledger.</summary>
    public List<Line> Ledger { get; } = [];

    /// <summary>The coordinator's state.</summary>
    public JobState Job { get; set; } = new();

    /// <summary>The number of saves: whoever saves must have read the last one.</summary>
    public long ETag { get; set; }

    /// <summary>The newest checkpoint that is whole.</summary>
    public Step Newest => new(checkpoints.Keys.Last());

    /// <summary>Writes a checkpoint: the state, and the lines that are not in the ledger yet as far as its writer knows.</summary>
    public void Write(Step step, ulong state, IReadOnlyList<Line> unwritten) => checkpoints[step.Number] = (state, unwritten);

    /// <summary>Damages the newest checkpoint, if one is older.</summary>
    public Step? Damage()
    {
        if (checkpoints.Count == 1)
            return null;
        var newest = Newest;
        checkpoints.Remove(newest.Number);
        return newest;
    }

    /// <summary>Reads a checkpoint; null where it is not, or damaged.</summary>
    public (ulong State, IReadOnlyList<Line> Unwritten)? Read(Step step) => checkpoints.TryGetValue(step.Number, out var found) ? found : null;
}
