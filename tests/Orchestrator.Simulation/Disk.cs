using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Simulation;

/// <summary>A line of the ledger: a step, the state after it, and the generation in which it was computed.</summary>
readonly record struct Line(long Step, ulong State, Generation Generation);

/// <summary>What is on disk, shared by all: checkpoints, the ledger and the coordinator's state. It survives everything.</summary>
sealed class Disk
{
    readonly SortedDictionary<long, (ulong State, bool Damaged)> checkpoints = [];

    /// <summary>Until when it is full, in microseconds.</summary>
    public long FullUntil { get; set; }

    /// <summary>Until when the coordinator's state cannot be saved.</summary>
    public long DatabaseDownUntil { get; set; }

    /// <summary>The ledger. Whoever cuts it puts another file in its place, so that who has the old one open writes nowhere.</summary>
    public List<Line> Ledger { get; private set; } = [];

    /// <summary>The coordinator's state.</summary>
    public JobState Job { get; set; } = new();

    /// <summary>The number of saves: whoever saves must have read the last one.</summary>
    public long ETag { get; set; }

    /// <summary>The newest checkpoint that is whole, and the state that the ledger has for its step.</summary>
    public Step Newest => new(checkpoints.Where(checkpoint => Read(new Step(checkpoint.Key)) is not null).Select(checkpoint => checkpoint.Key).LastOrDefault());

    /// <summary>Writes a checkpoint.</summary>
    public void Write(Step step, ulong state) => checkpoints[step.Number] = (state, false);

    /// <summary>Damages the newest checkpoint.</summary>
    public Step? Damage()
    {
        var newest = Newest;
        if (newest == Step.Start)
            return null;
        checkpoints[newest.Number] = checkpoints[newest.Number] with { Damaged = true };
        return newest;
    }

    /// <summary>Reads a checkpoint; null where it is not, is damaged, or is of another run than the ledger.</summary>
    public ulong? Read(Step step)
        => step == Step.Start ? Arithmetic.Start
            : checkpoints.TryGetValue(step.Number, out var found) && !found.Damaged && step.Number <= Ledger.Count && Ledger[(int)step.Number - 1].State == found.State ? found.State
            : null;

    /// <summary>Drops what is behind a step.</summary>
    public void Cut(Step step)
    {
        Ledger = [.. Ledger.Where(line => line.Step <= step.Number)];
        foreach (var later in checkpoints.Keys.Where(later => later > step.Number).ToList())
            checkpoints.Remove(later);
    }
}
