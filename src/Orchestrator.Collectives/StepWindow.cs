using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Collectives;

/// <summary>
/// The step that is to be reduced and the one after it: nobody completes a step before all have wished for it, so a peer can be one step ahead, never two.
/// The session's lock guards it.
/// </summary>
sealed class StepWindow(Membership membership, Piece[] pieces)
{
    readonly StepSums[] open = [new(membership, pieces), new(membership, pieces)];   // by the step's last bit
    long? next;
    bool begun;   // by this process; before, a peer's first frame says which step a generation begins with

    /// <summary>The last step that was reduced.</summary>
    public long Reduced => begun ? next!.Value - 1 : 0;

    /// <summary>Whether a step was reduced in this generation.</summary>
    public bool HasReduced { get; private set; }

    /// <summary>The step that this process works on.</summary>
    /// <exception cref="ArgumentException">the next one is another</exception>
    public StepSums Begin(Step step)
    {
        if (begun && step.Number != next)
            throw new ArgumentException($"step {step}; step {next} is next", nameof(step));
        begun = true;
        next = step.Number;
        return Open(step.Number);
    }

    /// <summary>The step that a peer speaks of; null if it is over, or too far ahead.</summary>
    public StepSums? Find(long step)
    {
        next ??= step;
        return step >= next && step - next <= 1 ? Open(step) : null;
    }

    /// <summary>The step to be reduced is reduced.</summary>
    public void Close()
    {
        open[next!.Value & 1].Begin(0);
        next++;
        HasReduced = true;
    }

    /// <summary>Gives all memory back.</summary>
    public void Clear()
    {
        foreach (var sums in open)
            sums.Begin(0);
    }

    StepSums Open(long step)
    {
        var sums = open[step & 1];
        if (sums.Step != step)
            sums.Begin(step);
        return sums;
    }
}
