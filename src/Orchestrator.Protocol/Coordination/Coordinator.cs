using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Coordination;

/// <summary>
/// The job's side of the protocol, as a pure function: what happened and what is known go in; the new state, the orders and the reason come out. Whoever
/// carries it saves the state before it carries an order, so no order runs ahead of its record. The invariants stand in this project's README.
/// </summary>
public static partial class Coordinator
{
    /// <summary>Decides what follows from an event.</summary>
    /// <param name="plan">the job</param>
    /// <param name="state">what is known</param>
    /// <param name="what">what happened; late, repeated and foreign events change nothing</param>
    /// <param name="now">the time, for the patience with what does not answer only</param>
    public static JobDecision Decide(JobPlan plan, JobState state, JobEvent what, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(state);
        if (state.IsOver)
            return Nothing(state, "the job is over");
        if (GenerationOf(what) is { } generation && generation > state.Generation)
            return Nothing(state, $"somebody knows generation {generation}, which is not {state.Generation}: another coordinator has saved it") with { IsStale = true };
        return what switch
        {
            JobEvent.Started started => Start(plan, state, started, now),
            JobEvent.Offered offered => Offer(plan, state, offered.Workers, now),
            JobEvent.Stood stood => Stand(plan, state, stood, now),
            JobEvent.Lost lost => Lose(plan, state, lost, now),
            JobEvent.Refused refused => Refuse(plan, state, refused, now),
            JobEvent.Damaged damaged => Distrust(state, damaged),
            JobEvent.Committed committed => Commit(state, committed),
            JobEvent.Paced paced => Measure(state, paced),
            JobEvent.Audited audited => Compare(plan, state, audited, now),
            JobEvent.Pardoned pardoned => Pardon(state, pardoned.Worker),
            JobEvent.Written written => Record(plan, state, written, now),
            JobEvent.WriteFailed failed => RetryWrite(state, failed, now),
            JobEvent.Evaluated evaluated => Judge(plan, state, evaluated, now),
            JobEvent.Diverged diverged => End(state, JobPhase.Failed, $"step {diverged.Step}: {diverged.Reason}"),
            JobEvent.Contradicted contradicted => Contradict(plan, state, contradicted),
            JobEvent.SuspendRequested => Suspend(plan, state, now),
            JobEvent.ResumeRequested => Resume(plan, state, now),
            JobEvent.CancelRequested => End(state, JobPhase.Cancelled, "cancelled by its user"),
            JobEvent.TimePassed => LosePatience(plan, InTime(state, now), now),
            _ => throw new ArgumentOutOfRangeException(nameof(what), what, "no event of a job"),
        };
    }

    static Generation? GenerationOf(JobEvent what) => what switch
    {
        JobEvent.Stood stood => stood.Generation,
        JobEvent.Lost lost => lost.Generation,
        JobEvent.Refused refused => refused.Generation,
        JobEvent.Damaged damaged => damaged.Generation,
        JobEvent.Committed committed => committed.Generation,
        JobEvent.Paced paced => paced.Generation,
        JobEvent.Audited audited => audited.Generation,
        JobEvent.Contradicted contradicted => contradicted.Generation,
        JobEvent.Written written => written.Generation,
        JobEvent.WriteFailed failed => failed.Generation,
        JobEvent.Evaluated evaluated => evaluated.Since,
        _ => null,
    };

    // Orders that followed the last save may never have gone out, and answers may have gone to nobody: all are asked anew. The disk knows best which checkpoint is whole, and
    // this server's clock need not be the one by which deadlines were set.
    static JobDecision Start(JobPlan plan, JobState state, JobEvent.Started started, DateTimeOffset now)
    {
        if (state.GoingBack is { } goal && started.WentBack < state.WaysBack.Count)
            return Nothing(state, $"what lies behind step {goal} is not dropped yet");
        var checkpoint = started.Checkpoint;
        if (plan.Last == Step.Start)
            return End(state, JobPhase.Failed, $"{plan.TrainingSamples} training records are fewer than a global batch of {plan.Spec.Training.GlobalBatchSize}");
        var next = state with
        {
            Checkpoint = checkpoint,
            Committed = state.GoingBack is null ? Later(state.Committed, checkpoint) : checkpoint,
            GoingBack = null,
            MusterDeadline = null,
            BoundaryDeadline = null,
        };
        if (state.Phase == JobPhase.Suspended)
            return Changed(next, state.Reason);
        return state.Workers.Count > 0
            ? Muster(next, state.GoingBack is null ? "its coordinator is back and asks what the workers have" : state.Reason, now)
            : Wait(next, checkpoint == Step.Start ? "starts; waits for workers" : $"goes on from the checkpoint of step {checkpoint}; waits for workers", []);
    }

    // The offer is the whole set: newcomers are invited, and stand when they have loaded; those who are in it no more leave at the next step.
    static JobDecision Offer(JobPlan plan, JobState state, IReadOnlyList<WorkerOffer> offers, DateTimeOffset now)
    {
        var orders = new List<JobOrder>();
        var workers = new List<WorkerView>();
        var leaving = state.Leaving.Where(worker => !IsOffered(worker)).ToHashSet();
        foreach (var known in state.Workers.Where(known => !IsOffered(known.Worker)))
        {
            leaving.Add(known.Worker);
            if (known.IsMember)
                workers.Add(known);
        }
        offers = [.. offers.DistinctBy(offer => offer.Worker).Where(offer => state.Quarantined.All(quarantined => quarantined.Worker != offer.Worker))];
        foreach (var offer in offers)
        {
            var view = state.Workers.FirstOrDefault(known => known.Worker == offer.Worker)
                ?? new WorkerView(offer.Worker, offer.Exchange, IsMember: false, Since: state.Generation, Standing: null);
            workers.Add(view with { Exchange = offer.Exchange });
            if (!view.IsMember && view.Standing is null && state.Phase is not (JobPhase.Suspended or JobPhase.Suspending))
                orders.Add(To(view, new Order.Invite(state.Generation)));
        }
        var next = state with
        {
            Workers = [.. workers.OrderBy(worker => worker.Worker)],
            Leaving = [.. leaving.Order()],
        };
        return state.Phase switch
        {
            JobPhase.Running when leaving.Count > 0 => HaltMembers(next, StopWish.Resize, $"{leaving.Count} workers leave after this step", orders),
            JobPhase.Waiting when next.Workers.Any(worker => worker.Standing is not null) => Proceed(plan, next, now, orders),
            JobPhase.Waiting => Wait(next, $"{offers.Count} workers offered", orders),
            _ => Kept(next, orders),
        };

        bool IsOffered(WorkerId worker) => offers.Any(offer => offer.Worker == worker);
    }

    static JobDecision Stand(JobPlan plan, JobState state, JobEvent.Stood stood, DateTimeOffset now)
    {
        var view = state.Workers.FirstOrDefault(worker => worker.Worker == stood.Worker);
        if (view is null || (view.IsMember ? stood.Generation != state.Generation : stood.Generation < view.Since))
            return Nothing(state, $"{stood.Worker} stood in generation {stood.Generation}, which is not {state.Generation}");
        // What it computed before the job went back may be wrong, in its state or in a micro-batch.
        var standing = stood.Standing.In < state.Since ? new Standing(null, []) : stood.Standing;
        var next = Timed(state, stood.Worker, Computes(state, stood.Worker) ? stood.Standing.Pace : null) with { Workers = [.. state.Workers.Select(worker => worker == view ? view with { Standing = standing } : worker)] };
        next = Heard(plan, next, stood.Standing.Audits);
        if (standing.Committed is { } committed)
            next = next with { Committed = Later(next.Committed, committed) };
        return next.Phase switch
        {
            JobPhase.Running when !view.IsMember => HaltMembers(next, StopWish.Resize, $"{stood.Worker} is ready and joins after this step", []),
            JobPhase.AtBoundary or JobPhase.Suspending or JobPhase.Suspended => Kept(next),
            _ => Proceed(plan, next, now, []),
        };
    }

    static JobDecision Lose(JobPlan plan, JobState state, JobEvent.Lost lost, DateTimeOffset now)
    {
        var gone = state.Workers.Where(worker => worker.Worker.Silo == lost.Process && (lost.Slot is null || lost.Slot == worker.Worker.Slot)).ToList();
        if (lost.Generation != state.Generation || gone.Count == 0)
            return Nothing(state, $"{lost.Process} was lost in generation {lost.Generation}, which is not {state.Generation}");
        return Remove(plan, state, gone, $"{lost.Process}{(lost.Slot is { } slot ? $"/{slot}" : "")} is lost: {lost.Reason}", now);
    }

    static JobDecision Refuse(JobPlan plan, JobState state, JobEvent.Refused refused, DateTimeOffset now)
    {
        var gone = state.Workers.Where(worker => worker.Worker == refused.Worker && (worker.IsMember ? refused.Generation == state.Generation : refused.Generation >= worker.Since)).ToList();
        return gone.Count == 0 ? Nothing(state, $"{refused.Worker} refused in generation {refused.Generation}, which is not {state.Generation}") : Remove(plan, state, gone, $"{refused.Worker} cannot take part: {refused.Reason}", now);
    }

    // Without a member the generation cannot go on. Those who are gone are told so when the next one begins, in case they only seemed to be.
    static JobDecision Remove(JobPlan plan, JobState state, List<WorkerView> gone, string reason, DateTimeOffset now)
    {
        var next = state with { Workers = [.. state.Workers.Except(gone)], Leaving = [.. state.Leaving.Union(gone.Select(worker => worker.Worker)).Order()] };
        if (!gone.Exists(worker => worker.IsMember))
        {
            return state.Phase != JobPhase.Waiting ? Kept(next)
                : next.Workers.Any(worker => worker.Standing is not null) ? Proceed(plan, next, now, [])
                : Wait(next, reason, []);
        }
        if (state.Phase is not (JobPhase.Running or JobPhase.Halting))
            return Muster(next, reason, now);
        return state.FruitlessGenerations + 1 >= FruitlessGenerationsMax
            ? End(next, JobPhase.Failed, $"{FruitlessGenerationsMax} generations in a row ended without a step; the last: {reason}")
            : Muster(next with { FruitlessGenerations = state.FruitlessGenerations + 1 }, reason, now);
    }

    // One worker's way to the disk, or the disk itself? Whoever carries this looks.
    static JobDecision Distrust(JobState state, JobEvent.Damaged damaged)
        => damaged.Generation == state.Generation && damaged.Checkpoint == state.Checkpoint
            ? Kept(state, new JobOrder.Inspect(damaged.Worker, damaged.Generation, damaged.Checkpoint, damaged.Reason))
            : Nothing(state, damaged.Reason);

    static JobDecision Commit(JobState state, JobEvent.Committed committed)
    {
        if (committed.Generation != state.Generation || committed.Step <= state.Base)
            return Nothing(state, state.Reason);
        var next = state;
        if (committed.Step > state.Committed || state.FruitlessGenerations > 0)
            next = state with { Committed = Later(state.Committed, committed.Step), FruitlessGenerations = 0 };
        return Balanced(next);
    }

    static JobDecision Suspend(JobPlan plan, JobState state, DateTimeOffset now)
    {
        var wanted = state with { SuspendWanted = true };
        return state.Phase switch
        {
            JobPhase.Running or JobPhase.Halting => Muster(wanted, "is being paused by its user", now),
            JobPhase.Waiting => Paused(wanted),
            JobPhase.AtBoundary => Settle(plan, wanted with { Phase = JobPhase.Suspending }, state.Through, now),
            JobPhase.Suspended => Nothing(state, state.Reason),
            _ => Changed(wanted, "is being paused by its user"),
        };
    }

    static JobDecision Resume(JobPlan plan, JobState state, DateTimeOffset now)
    {
        var wanted = state with { SuspendWanted = false };
        return state.Phase switch
        {
            JobPhase.Suspended => Wait(wanted with { Phase = JobPhase.Waiting }, $"resumed by its user at step {state.Checkpoint}; waits for workers",
                [.. state.Workers.Select(worker => To(worker, new Order.Invite(state.Generation)))]),
            JobPhase.Suspending => Meet(plan, wanted, now, []),
            _ => Kept(wanted),
        };
    }

    static JobDecision LosePatience(JobPlan plan, JobState state, DateTimeOffset now)
    {
        if (state.Audits.Dispute is not null && Inquire(plan, state, now) is { } inquiry)
            return inquiry;
        switch (state.Phase)
        {
            case JobPhase.Mustering when state.GoingBack is not null:
                return Nothing(state, state.Reason);      // goes on when the carrier says that it is done
            case JobPhase.Mustering when now >= (state.MusterDeadline ?? now):
                var silent = state.Workers.Where(worker => worker.IsMember && worker.Standing is null).ToList();
                var decision = Proceed(plan, state with
                {
                    Workers = [.. state.Workers.Except(silent)],
                    Leaving = [.. state.Leaving.Union(silent.Select(worker => worker.Worker)).Order()],
                }, now, []);
                return decision with { Reason = $"{silent.Count} workers said nothing for {MusterPatience}; {decision.Reason}" };
            case JobPhase.Waiting when now >= state.MusterDeadline:
                return Meet(plan, state, now, []);
            case JobPhase.Running or JobPhase.Halting when now >= state.MusterDeadline:
                return Muster(state, $"some members stand, the others said nothing for {MusterPatience}", now);
            case JobPhase.AtBoundary or JobPhase.Suspending when now >= state.BoundaryDeadline:
                return Muster(state, state.FailedWrites > 0 ? $"{state.Reason}; tries again" : $"{state.Reason}, and that for {BoundaryPatience}: asks again", now);
            default:
                return Nothing(state, "nothing is due");
        }
    }

    // A clock that was set back must not make anybody wait for an hour.
    static JobState InTime(JobState state, DateTimeOffset now) => state with
    {
        MusterDeadline = Sooner(state.MusterDeadline, now + MusterPatience),
        BoundaryDeadline = Sooner(state.BoundaryDeadline, now + BoundaryPatience),
    };

    static DateTimeOffset? Sooner(DateTimeOffset? deadline, DateTimeOffset latest) => deadline > latest ? latest : deadline;

    static JobDecision End(JobState state, JobPhase phase, string reason)
        => Changed(state with { Phase = phase, Workers = [], Leaving = [] }, reason,
            [.. state.Workers.Select(worker => worker.Worker).Union(state.Leaving).Select(worker => new JobOrder.ToWorker(worker, new Order.Release(state.Generation)))]);

    static JobDecision Nothing(JobState state, string reason) => new(state, [], reason);

    // What is known changes, what is going on does not.
    static JobDecision Kept(JobState state, params IReadOnlyList<JobOrder> orders) => new(state, orders, state.Reason);

    static JobDecision Changed(JobState state, string reason, params IReadOnlyList<JobOrder> orders) => new(state with { Reason = reason }, orders, reason);

    static JobOrder.ToWorker To(WorkerView worker, Order order) => new(worker.Worker, order);

    static Step Later(Step a, Step b) => a > b ? a : b;
}
