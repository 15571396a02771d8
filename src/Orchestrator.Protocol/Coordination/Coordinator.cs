using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Coordination;

/// <summary>
/// The job's side of the protocol, as a pure function: what happened and what is known go in; the new state, the orders and the reason come out. Whoever
/// carries it saves the state before it carries an order, so no order runs ahead of its record. The invariants stand in this project's README.
/// </summary>
public static class Coordinator
{
    /// <summary>Generations in a row without a commit after which the job fails.</summary>
    public const int FruitlessGenerationsMax = 8;

    /// <summary>How long a muster waits for a worker before it counts as lost.</summary>
    public static readonly TimeSpan MusterPatience = TimeSpan.FromSeconds(30);

    /// <summary>Decides what follows from an event.</summary>
    /// <param name="plan">the job</param>
    /// <param name="state">what is known</param>
    /// <param name="what">what happened; late, repeated and foreign events change nothing</param>
    /// <param name="now">the time, for the patience with a silent worker only</param>
    public static JobDecision Decide(JobPlan plan, JobState state, JobEvent what, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(state);
        if (state.IsOver)
            return Nothing(state, "the job is over");
        return what switch
        {
            JobEvent.Started started => Start(state, started),
            JobEvent.Offered offered => Offer(state, offered.Workers),
            JobEvent.Stood stood => Stand(plan, state, stood, now),
            JobEvent.Lost lost => Lose(state, lost, now),
            JobEvent.Refused refused => Refuse(plan, state, refused, now),
            JobEvent.Committed committed => Commit(state, committed),
            JobEvent.Written written => Record(plan, state, written.Step, now),
            JobEvent.WriteFailed failed => state.Phase is JobPhase.AtBoundary or JobPhase.Suspending && failed.Step == state.Through
                ? End(state, JobPhase.Failed, $"the checkpoint of step {failed.Step} could not be written: {failed.Reason}")
                : Nothing(state, $"the checkpoint of step {failed.Step} was not written: {failed.Reason}"),
            JobEvent.Evaluated evaluated => Judge(plan, state, evaluated, now),
            JobEvent.Diverged diverged => End(state, JobPhase.Failed, $"step {diverged.Step}: {diverged.Reason}"),
            JobEvent.SuspendRequested => Suspend(plan, state, now),
            JobEvent.ResumeRequested => Resume(state),
            JobEvent.CancelRequested => End(state, JobPhase.Cancelled, "cancelled by its user"),
            JobEvent.TimePassed => LosePatience(plan, state, now),
            _ => throw new ArgumentOutOfRangeException(nameof(what), what, "no event of a job"),
        };
    }

    static JobDecision Start(JobState state, JobEvent.Started started)
    {
        var checkpoint = Later(state.Checkpoint, started.Checkpoint);
        var next = state with { Phase = JobPhase.Waiting, Checkpoint = checkpoint, Committed = Later(state.Committed, checkpoint), Workers = [] };
        return Changed(next, checkpoint == Step.Start ? "starts; waits for workers" : $"goes on from the checkpoint of step {checkpoint}; waits for workers");
    }

    // The offer is the whole set: newcomers are invited, and stand when they have loaded; those who are in it no more leave at the next step.
    static JobDecision Offer(JobState state, IReadOnlyList<WorkerOffer> offers)
    {
        var orders = new List<JobOrder>();
        var workers = new List<WorkerView>();
        foreach (var known in state.Workers)
        {
            if (known.IsMember || offers.Any(offer => offer.Worker == known.Worker))
                workers.Add(known);
            else
                orders.Add(To(known, new Order.Release(state.Generation)));
        }
        foreach (var offer in offers.Where(offer => state.Workers.All(known => known.Worker != offer.Worker)))
        {
            workers.Add(new WorkerView(offer.Worker, offer.Exchange, IsMember: false, Since: state.Generation, Standing: null));
            if (state.Phase is not (JobPhase.Suspended or JobPhase.Suspending))
                orders.Add(To(workers[^1], new Order.Invite(state.Generation)));
        }
        workers.Sort((a, b) => a.Worker.CompareTo(b.Worker));
        var leaving = workers.Where(worker => offers.All(offer => offer.Worker != worker.Worker)).Select(worker => worker.Worker).ToList();
        var next = state with { Workers = workers, Leaving = leaving };
        return leaving.Count > 0 && state.Phase == JobPhase.Running
            ? HaltMembers(next, StopWish.Resize, $"{leaving.Count} workers leave after this step", orders)
            : Changed(next, $"{offers.Count} workers offered", orders);
    }

    static JobDecision Stand(JobPlan plan, JobState state, JobEvent.Stood stood, DateTimeOffset now)
    {
        var view = state.Workers.FirstOrDefault(worker => worker.Worker == stood.Worker);
        if (view is null || (view.IsMember ? stood.Generation != state.Generation : stood.Generation < view.Since))
            return Nothing(state, $"{stood.Worker} stood in generation {stood.Generation}, which is not {state.Generation}");
        var next = Replace(state, stood.Worker, worker => worker with { Standing = stood.Standing });
        if (stood.Standing.Committed is { } committed)
            next = next with { Committed = Later(next.Committed, committed) };
        return next.Phase switch
        {
            JobPhase.Running when !view.IsMember => HaltMembers(next, StopWish.Resize, $"{stood.Worker} is ready and joins after this step", []),
            _ => Proceed(plan, next, now),
        };
    }

    // Goes on as far as the standings allow: the one place where generations begin and boundaries are met.
    static JobDecision Proceed(JobPlan plan, JobState state, DateTimeOffset now)
    {
        switch (state.Phase)
        {
            case JobPhase.Waiting:
                if (state.Workers.Count == 0 || state.Workers.Any(worker => worker.Standing is null))
                    return Changed(state, $"{state.Workers.Count(w => w.Standing is not null)} of {state.Workers.Count} workers are ready");
                return Meet(plan, state, now);
            case JobPhase.Running or JobPhase.Halting or JobPhase.Mustering:
                if (state.Workers.Any(worker => worker.IsMember && worker.Standing is null))
                    return Changed(state, "waits until all members stand");
                return Meet(plan, state, now);
            default:
                return Changed(state, state.Reason);
        }
    }

    // Everybody stands. What is the state to go on from, and does the step it is at want something first?
    static JobDecision Meet(JobPlan plan, JobState state, DateTimeOffset now)
    {
        var (from, reason) = Recovery.Start(state);
        var standing = state with { Committed = Later(state.Committed, from) };
        var atBoundary = from != Step.Start && (from == plan.Last || plan.BoundaryAfter(new Step(from.Number - 1)) == from) && standing.Evaluated < from;
        if (!atBoundary && !standing.SuspendWanted)
            return Begin(plan, standing, from, reason);
        var phase = standing.SuspendWanted ? JobPhase.Suspending : JobPhase.AtBoundary;
        return Settle(plan, standing with { Phase = phase, Through = from }, from, now);
    }

    // At a boundary or before a pause: first the checkpoint, then the evaluation that decides.
    static JobDecision Settle(JobPlan plan, JobState state, Step at, DateTimeOffset now)
    {
        if (state.Checkpoint < at)
        {
            var writer = state.Workers.FirstOrDefault(worker => worker.Standing?.Committed == at);
            if (writer is null)
                return Muster(state with { Phase = JobPhase.Running }, "nobody holds the state of the boundary any more", now);
            return Changed(state, $"the checkpoint of step {at} is being written", To(writer, new Order.Write(state.Generation, at)));
        }
        if (state.Phase == JobPhase.Suspending)
            return Paused(state, at);
        if (plan.IsEvaluation(at) && state.Evaluated < at)
            return Changed(state, $"step {at} is being evaluated", new JobOrder.Evaluate(at));
        return at == plan.Last
            ? End(state, JobPhase.Completed, $"all {plan.Last} steps are done")
            : Begin(plan, state with { Evaluated = Later(state.Evaluated, at) }, at, $"goes on after the evaluation of step {at}");
    }

    static JobDecision Begin(JobPlan plan, JobState state, Step from, string reason)
    {
        var leaving = state.Workers.Where(worker => state.Leaving.Contains(worker.Worker)).ToList();
        if (state.Workers.Except(leaving).All(worker => worker.Standing?.Committed != from) && leaving.Any(worker => worker.Standing?.Committed == from))
            leaving = [];      // those who leave are the only ones with the state: they stay for one step more, so that the others can copy it
        var members = state.Workers.Where(worker => worker.Standing is not null && !leaving.Contains(worker)).ToList();
        List<JobOrder> orders = [.. leaving.Select(worker => To(worker, new Order.Release(state.Generation)))];
        if (members.Count == 0)
            return Changed(state with { Phase = JobPhase.Waiting, Workers = [.. state.Workers.Except(leaving)], Leaving = [] }, "waits for workers", orders);

        var generation = state.Generation.Next;
        var speeds = members.Select(worker => new WorkerSpeed(worker.Worker, 1)).ToList();
        var held = members.Where(worker => worker.Standing!.Committed == from).ToDictionary(worker => worker.Worker, worker => worker.Standing!.Held);
        var later = Dealer.Contiguous(plan.MicroBatches, speeds);
        var first = Dealer.Missing(plan.MicroBatches, speeds, held);
        var processes = members.Select(worker => new ProcessAddress(worker.Worker.Silo, worker.Exchange)).Distinct().OrderBy(p => p.Process, StringComparer.Ordinal).ToList();
        var through = plan.BoundaryAfter(from);
        var sources = members.ConvertAll(member => Recovery.SourceFor(member, members, from));
        foreach (var (member, source) in members.Zip(sources))
        {
            var serves = source is StateSource.Own && sources.OfType<StateSource.Copy>().Any(copy => copy.From.Process == member.Worker.Silo);
            orders.Add(To(member, new Order.Begin(generation, from, source, processes, first, later, through, serves)));
        }
        var stillLeaving = state.Leaving.Where(worker => members.Any(member => member.Worker == worker)).ToList();
        if (stillLeaving.Count > 0)
            orders.AddRange(members.Select(member => To(member, new Order.Halt(generation, StopWish.Resize))));
        return Changed(state with
        {
            Phase = stillLeaving.Count > 0 ? JobPhase.Halting : JobPhase.Running,
            Generation = generation,
            Base = from,
            Through = through,
            Leaving = stillLeaving,
            MusterDeadline = null,
            FruitlessGenerations = from > state.Base ? 0 : state.FruitlessGenerations,
            Workers = [.. state.Workers.Except(leaving).Select(worker => members.Contains(worker) ? worker with { IsMember = true, Standing = null } : worker)],
        }, $"generation {generation}: {reason}; {first}", orders);
    }

    static JobDecision Lose(JobState state, JobEvent.Lost lost, DateTimeOffset now)
    {
        bool IsLost(WorkerView worker) => worker.Worker.Silo == lost.Process && (lost.Slot is null || lost.Slot == worker.Worker.Slot);
        if (lost.Generation != state.Generation || !state.Workers.Any(IsLost))
            return Nothing(state, $"{lost.Process} was lost in generation {lost.Generation}, which is not {state.Generation}");
        var hitsMember = state.Workers.Any(worker => IsLost(worker) && worker.IsMember);
        var next = state with { Workers = [.. state.Workers.Where(worker => !IsLost(worker))] };
        List<JobOrder> orders = [.. state.Workers.Where(IsLost).Select(worker => To(worker, new Order.Release(state.Generation.Next)))];
        return hitsMember ? Muster(next, $"{lost.Process}{(lost.Slot is { } slot ? $"/{slot}" : "")} is lost: {lost.Reason}", now, orders) : Changed(next, lost.Reason);
    }

    // A new generation without deciding yet what it computes: all say what they have, and take part in the old one no more.
    static JobDecision Muster(JobState state, string reason, DateTimeOffset now, List<JobOrder>? orders = null)
    {
        orders ??= [];
        if (state.FruitlessGenerations >= FruitlessGenerationsMax)
            return End(state, JobPhase.Failed, $"{FruitlessGenerationsMax} generations in a row ended without a step; the last: {reason}");
        var generation = state.Generation.Next;
        orders.AddRange(state.Workers.Select(worker => To(worker, new Order.Muster(generation))));
        var workers = state.Workers.Select(worker => worker with { Standing = null }).ToList();
        return Changed(state with
        {
            Phase = workers.Any(worker => worker.IsMember) ? JobPhase.Mustering : JobPhase.Waiting,
            Generation = generation,
            Workers = workers,
            FruitlessGenerations = state.Committed > state.Base ? 0 : state.FruitlessGenerations + 1,
            MusterDeadline = now + MusterPatience,
        }, reason, orders);
    }

    static JobDecision LosePatience(JobPlan plan, JobState state, DateTimeOffset now)
    {
        if (state.Phase != JobPhase.Mustering || now < state.MusterDeadline)
            return Nothing(state, "nothing is due");
        var silent = state.Workers.Where(worker => worker.IsMember && worker.Standing is null).ToList();
        var orders = silent.Select(worker => To(worker, new Order.Release(state.Generation))).ToList();
        var next = Proceed(plan, state with { Workers = [.. state.Workers.Except(silent)], MusterDeadline = now + MusterPatience }, now);
        return next with { Orders = [.. orders, .. next.Orders], Reason = $"{silent.Count} workers said nothing for {MusterPatience}; {next.Reason}" };
    }

    static JobDecision Refuse(JobPlan plan, JobState state, JobEvent.Refused refused, DateTimeOffset now)
    {
        var view = state.Workers.FirstOrDefault(worker => worker.Worker == refused.Worker);
        if (view is null)
            return Nothing(state, refused.Reason);
        var next = state with { Workers = [.. state.Workers.Where(worker => worker != view)] };
        if (view.IsMember)
            return Muster(next, $"{refused.Worker} cannot go on: {refused.Reason}", now);
        var decision = Proceed(plan, next, now);
        return next.Workers.Count == 0 ? Changed(next, $"{refused.Worker}: {refused.Reason}") : decision with { Reason = $"{refused.Worker}: {refused.Reason}; {decision.Reason}" };
    }

    static JobDecision Commit(JobState state, JobEvent.Committed committed)
        => committed.Generation == state.Generation && committed.Step > state.Committed
            ? new JobDecision(state with { Committed = committed.Step, FruitlessGenerations = 0 }, [], state.Reason)
            : Nothing(state, state.Reason);

    static JobDecision Record(JobPlan plan, JobState state, Step written, DateTimeOffset now)
    {
        var next = state with { Checkpoint = Later(state.Checkpoint, written) };
        if (state.Phase is JobPhase.AtBoundary or JobPhase.Suspending && written == state.Through)
            return Settle(plan, next, written, now);
        return plan.IsEvaluation(written) ? new JobDecision(next, [new JobOrder.Evaluate(written)], state.Reason) : new JobDecision(next, [], state.Reason);
    }

    static JobDecision Judge(JobPlan plan, JobState state, JobEvent.Evaluated evaluated, DateTimeOffset now)
    {
        if (state.Phase != JobPhase.AtBoundary || evaluated.Step != state.Through)
            return Nothing(state, state.Reason);
        var next = state with { Evaluated = Later(state.Evaluated, evaluated.Step) };
        return evaluated.Ends
            ? End(next, JobPhase.Completed, $"stopped early at step {evaluated.Step}: the held-out loss fell no more")
            : Settle(plan, next, evaluated.Step, now);
    }

    static JobDecision Suspend(JobPlan plan, JobState state, DateTimeOffset now)
    {
        var wanted = state with { SuspendWanted = true };
        return state.Phase switch
        {
            JobPhase.Running or JobPhase.Halting => Muster(wanted, "is being paused by its user", now),
            JobPhase.Waiting => Paused(wanted, state.Checkpoint),
            JobPhase.AtBoundary => Settle(plan, wanted with { Phase = JobPhase.Suspending }, state.Through, now),
            _ => Changed(wanted, "is being paused by its user"),
        };
    }

    static JobDecision Paused(JobState state, Step at)
        => Changed(state with { Phase = JobPhase.Suspended, Workers = [], Leaving = [] }, $"paused by its user at step {at}",
            [.. state.Workers.Select(worker => To(worker, new Order.Release(state.Generation)))]);

    static JobDecision Resume(JobState state)
        => state.Phase is JobPhase.Suspended
            ? Changed(state with { Phase = JobPhase.Waiting, SuspendWanted = false, Workers = [] }, $"resumed by its user at step {state.Checkpoint}; waits for workers")
            : Changed(state with { SuspendWanted = false }, state.Reason);

    static JobDecision HaltMembers(JobState state, StopWish wish, string reason, List<JobOrder> orders)
    {
        orders.AddRange(state.Workers.Where(worker => worker.IsMember).Select(worker => To(worker, new Order.Halt(state.Generation, wish))));
        return Changed(state with { Phase = JobPhase.Halting }, reason, orders);
    }

    static JobDecision End(JobState state, JobPhase phase, string reason)
        => Changed(state with { Phase = phase, Workers = [] }, reason, [.. state.Workers.Select(worker => To(worker, new Order.Release(state.Generation)))]);

    static JobDecision Nothing(JobState state, string reason) => new(state, [], reason);

    static JobDecision Changed(JobState state, string reason, params IReadOnlyList<JobOrder> orders) => new(state with { Reason = reason }, orders, reason);

    static JobOrder.ToWorker To(WorkerView worker, Order order) => new(worker.Worker, order);

    static JobState Replace(JobState state, WorkerId who, Func<WorkerView, WorkerView> change)
        => state with { Workers = [.. state.Workers.Select(worker => worker.Worker == who ? change(worker) : worker)] };

    static Step Later(Step a, Step b) => a > b ? a : b;
}
