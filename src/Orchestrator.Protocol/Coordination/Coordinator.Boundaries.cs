using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Coordination;

/// <content>Steps at which everybody stands until a checkpoint is on disk, or an evaluation has decided.</content>
public static partial class Coordinator
{
    /// <summary>How often the checkpoint that a job waits for may fail, each time on another worker where there is one, before the job fails.</summary>
    public const int FailedWritesMax = 30;

    /// <summary>How long after a failed checkpoint the next one is tried.</summary>
    public static readonly TimeSpan WriteRetryAfter = TimeSpan.FromSeconds(10);

    /// <summary>How long a boundary waits for its checkpoint or its evaluation before everybody is asked anew.</summary>
    public static readonly TimeSpan BoundaryPatience = TimeSpan.FromMinutes(5);

    static bool IsBoundary(JobPlan plan, Step step) => step != Step.Start && plan.BoundaryAfter(new Step(step.Number - 1)) == step;

    // First the checkpoint, then the evaluation that decides.
    static JobDecision Settle(JobPlan plan, JobState state, Step at, DateTimeOffset now)
    {
        if (state.Audits.Dispute is not null)
            return Kept(state);      // it ends with a way back
        if (state.Contradiction is { } contradiction && at == plan.Last)
            return End(state, JobPhase.Failed, contradiction);
        var waiting = state with { BoundaryDeadline = now + BoundaryPatience };
        if (state.Checkpoint < at)
        {
            var holders = state.Workers.Where(worker => worker.Standing?.Committed == at).ToList();
            return holders.Count == 0
                ? Muster(state, "nobody holds the state of the boundary any more", now)
                : Changed(waiting, $"the checkpoint of step {at} is being written", To(holders[state.FailedWrites % holders.Count], new Order.Write(state.Generation, at)));
        }
        if (state.Phase == JobPhase.Suspending)
            return Paused(state);
        if (IsBoundary(plan, at) && plan.IsEvaluation(at) && state.Evaluated < at)
            return Changed(waiting, $"step {at} is being evaluated", new JobOrder.Evaluate(at, state.Since));
        return at == plan.Last
            ? End(state, JobPhase.Completed, $"all {plan.Last} steps are done")
            : Begin(plan, state, at, $"goes on after step {at}");
    }

    static JobDecision Record(JobPlan plan, JobState state, JobEvent.Written told, DateTimeOffset now)
    {
        var written = told.Step;
        if (!state.Counts(told.Generation, written) || state.GoingBack is not null)
            return Nothing(state, $"the checkpoint of step {written} was written in generation {told.Generation}, and may be wrong");
        var next = state with { Checkpoint = Later(state.Checkpoint, written), FailedWrites = 0 };
        if (state.Phase is JobPhase.AtBoundary or JobPhase.Suspending && written == state.Through && state.Checkpoint < written)
            return Settle(plan, next, written, now);
        return plan.IsEvaluation(written) && written > state.Checkpoint ? Kept(next, new JobOrder.Evaluate(written, state.Since)) : Kept(next);
    }

    static JobDecision RetryWrite(JobState state, JobEvent.WriteFailed failed, DateTimeOffset now)
    {
        var reason = $"the checkpoint of step {failed.Step} was not written: {failed.Reason}";
        if (failed.Generation != state.Generation || state.Phase is not (JobPhase.AtBoundary or JobPhase.Suspending) || failed.Step != state.Through || state.Checkpoint >= failed.Step)
            return Nothing(state, reason);
        if (state.FailedWrites > 0 && state.BoundaryDeadline <= now + WriteRetryAfter)
            return Nothing(state, reason);      // told twice: the next attempt is due already
        var next = state with { FailedWrites = state.FailedWrites + 1, BoundaryDeadline = now + WriteRetryAfter };
        return next.FailedWrites < FailedWritesMax ? Changed(next, reason) : End(next, JobPhase.Failed, $"{reason}; tried {FailedWritesMax} times");
    }

    static JobDecision Judge(JobPlan plan, JobState state, JobEvent.Evaluated evaluated, DateTimeOffset now)
    {
        if (!state.Counts(evaluated.Since, evaluated.Step) || state.Audits.Dispute is not null || !IsBoundary(plan, evaluated.Step) || evaluated.Step <= state.Evaluated || evaluated.Step > state.Committed)
            return Nothing(state, state.Reason);
        var next = state with { Evaluated = evaluated.Step };
        return evaluated.Ends ? End(next, JobPhase.Completed, $"stopped early at step {evaluated.Step}: the held-out loss fell no more")
            : state.Phase == JobPhase.AtBoundary && evaluated.Step == state.Through ? Settle(plan, next, evaluated.Step, now)
            : Kept(next);
    }

    static JobDecision Paused(JobState state)
    {
        var (next, orders) = Bump(state with { Workers = [], Leaving = [.. state.Workers.Select(worker => worker.Worker).Union(state.Leaving).Order()] });
        return Changed(next with { Phase = JobPhase.Suspended, MusterDeadline = null, BoundaryDeadline = null }, $"paused by its user at step {state.Checkpoint}", orders);
    }
}
