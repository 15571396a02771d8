using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine;

/// <summary>
/// What a worker tells its job. Lines of the ledger are kept until the job has written them: who asks later may be another than the one that was told.
/// </summary>
sealed class Outbox(IJobReports reports)
{
    readonly Queue<StepReport> unwritten = new();
    long written;
    volatile bool vanished;

    /// <summary>Lines that the job may not have.</summary>
    public IEnumerable<StepReport> Unwritten => unwritten;

    /// <summary>Tells of an event.</summary>
    public void Tell(JobEvent what)
    {
        if (!vanished)
            reports.Tell(what);
    }

    /// <summary>Tells of a step, and keeps its line.</summary>
    public void Tell(StepReport step)
    {
        while (unwritten.TryPeek(out var oldest) && IsWritten(oldest.Line.Step))
            unwritten.Dequeue();
        unwritten.Enqueue(step);
        if (!vanished)
            reports.Tell(step);
    }

    /// <summary>Tells all lines again that nobody has acknowledged.</summary>
    public void TellAgain()
    {
        foreach (var step in unwritten.Where(step => !vanished && !IsWritten(step.Line.Step)))
            reports.Tell(step);
    }

    /// <summary>Another's lines instead of its own; they are told before its own lines and checkpoints: whoever had them may be gone.</summary>
    public void Replace(IReadOnlyList<StepReport> lines)
    {
        unwritten.Clear();
        foreach (var line in lines)
        {
            unwritten.Enqueue(line);
            if (!vanished)
                reports.Tell(line);
        }
    }

    /// <summary>Whether the job has written the ledger's line of a step.</summary>
    public bool IsWritten(long step) => step <= Interlocked.Read(ref written);

    /// <summary>The job has written the ledger up to this step: nobody needs the lines before it from here. Any thread may say so.</summary>
    public void Acknowledge(Step step) => Interlocked.Exchange(ref written, step.Number);

    /// <summary>From now on nothing is told any more. Any thread may say so.</summary>
    public void Vanish() => vanished = true;
}
