using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Coordination;

/// <content>How generations end, what is asked in between, and how they begin.</content>
public static partial class Coordinator
{
    /// <summary>Generations in a row without a commit after which the job fails.</summary>
    public const int FruitlessGenerationsMax = 8;

    /// <summary>How long a muster waits for a worker before it counts as lost, and how long those who stand wait for those who do not.</summary>
    public static readonly TimeSpan MusterPatience = TimeSpan.FromSeconds(30);

    // The generation ends before it is decided what the next one computes: all say what they have, and take part in the old one no more.
    static JobDecision Muster(JobState state, string reason, DateTimeOffset now)
    {
        if (!state.Workers.Any(worker => worker.IsMember))
            return state.SuspendWanted ? Paused(state) : Wait(state, reason, [], asks: true);
        var (next, orders) = Bump(state);
        orders.AddRange(state.Workers.Select(worker => To(worker, new Order.Muster(next.Generation))));
        return Changed(next with
        {
            Phase = JobPhase.Mustering,
            Workers = [.. state.Workers.Select(worker => worker with { Standing = null })],
            MusterDeadline = now + MusterPatience,
            BoundaryDeadline = null,
        }, reason, orders);
    }

    // Nobody computes: whoever is to leave goes at once, the others are waited for.
    static JobDecision Wait(JobState state, string reason, IReadOnlyList<JobOrder> orders, bool asks = false)
    {
        var (next, all) = asks || state.Leaving.Count > 0 ? Bump(state) : (state, []);
        if (asks)
            all.AddRange(state.Workers.Select(worker => To(worker, new Order.Muster(next.Generation))));
        return Changed(next with
        {
            Phase = JobPhase.Waiting,
            MusterDeadline = asks ? null : next.MusterDeadline,
            BoundaryDeadline = null,
            Workers = asks ? [.. next.Workers.Select(worker => worker with { Standing = null })] : next.Workers,
        }, reason, [.. all, .. orders]);
    }

    // Goes on as far as the standings allow.
    static JobDecision Proceed(JobPlan plan, JobState state, DateTimeOffset now, IReadOnlyList<JobOrder> orders)
    {
        var members = state.Workers.Where(worker => worker.IsMember).ToList();
        if (members.Exists(worker => worker.Standing is null))
        {
            var said = members.Count(worker => worker.Standing is not null);
            return state.Phase == JobPhase.Mustering ? Changed(state, $"{said} of {members.Count} members said what they have", orders)
                : Kept(state with { MusterDeadline = said == 0 ? null : state.MusterDeadline ?? now + MusterPatience }, orders);
        }
        if (members.Count > 0)
            return Meet(plan, state, now, orders);
        var ready = state.Workers.Count(worker => worker.Standing is not null);
        if (ready > 0 && ready == state.Workers.Count)
            return Meet(plan, state, now, orders);
        return Wait(state with { MusterDeadline = ready == 0 ? null : state.Phase == JobPhase.Waiting ? state.MusterDeadline ?? now + MusterPatience : now + MusterPatience },
            $"{ready} of {state.Workers.Count} workers are ready", orders);
    }

    // Everybody stands. What is the state to go on from, and does the step it is at want something first?
    static JobDecision Meet(JobPlan plan, JobState state, DateTimeOffset now, IReadOnlyList<JobOrder> orders)
    {
        if (state.GoingBack is { } goal)
            return Changed(state with { MusterDeadline = null }, $"what lies behind step {goal} is being dropped", orders);
        if (state.Audits.Dispute is { } dispute)
        {
            var waits = state with { MusterDeadline = null };
            var inquiry = Inquire(plan, waits, now) ?? Changed(waits, $"waits until it is clear who computes micro-batch {dispute.MicroBatch} of step {dispute.Step} right");
            return inquiry with { Orders = [.. orders, .. inquiry.Orders] };
        }
        var (from, reason) = Recovery.Start(state);
        var standing = state with { Committed = Later(state.Committed, from), Through = from, MusterDeadline = null };
        var nobodyStays = state.Workers.All(worker => worker.Standing is null || state.Leaving.Contains(worker.Worker));
        var decision = standing.SuspendWanted ? Settle(plan, standing with { Phase = JobPhase.Suspending }, from, now)
            : from == plan.Last || (IsBoundary(plan, from) && standing.Evaluated < from) || (nobodyStays && standing.Checkpoint < from)
                ? Settle(plan, standing with { Phase = JobPhase.AtBoundary }, from, now)
            : Begin(plan, standing, from, reason);
        return orders.Count == 0 ? decision : decision with { Orders = [.. orders, .. decision.Orders] };
    }

    static JobDecision Begin(JobPlan plan, JobState state, Step from, string reason)
    {
        var leaving = state.Workers.Where(worker => state.Leaving.Contains(worker.Worker)).ToList();
        var staying = state.Workers.Except(leaving).Where(worker => worker.Standing is not null).ToList();
        if (staying.Count > 0 && from > state.Checkpoint && !staying.Exists(worker => worker.Standing!.Committed == from))
        {
            // Only those who leave have the state: they stay for one step more, so that the others can copy it.
            staying = [.. state.Workers.Where(worker => worker.Standing is not null)];
            leaving = [];
        }
        state = state with { Workers = [.. state.Workers.Except(leaving)] };
        if (staying.Count == 0)
            return Wait(state, "waits for workers", []);

        var (next, orders) = Bump(state);
        var generation = next.Generation;
        var speeds = Balance.Speeds(staying.Select(worker => worker.Worker), PacesOf(state));
        var there = staying.Where(worker => worker.Standing!.Committed == from).ToList();
        var held = there.ToDictionary(worker => worker.Worker, worker => worker.Standing!.Held);
        var hedged = there.ToDictionary(worker => worker.Worker, worker => worker.Standing!.Hedged);
        var later = Dealer.Contiguous(plan.MicroBatches, speeds);
        var first = Dealer.Missing(plan.MicroBatches, speeds, held, hedged);
        var processes = staying.Select(worker => new ProcessAddress(worker.Worker.Silo, worker.Exchange)).DistinctBy(process => process.Process)
            .OrderBy(process => process.Process, StringComparer.Ordinal).ToList();
        var through = plan.BoundaryAfter(from);
        var sources = staying.ConvertAll(worker => Recovery.SourceFor(worker, staying, from));
        foreach (var (worker, source) in staying.Zip(sources))
        {
            var serves = source is StateSource.Own && sources.OfType<StateSource.Copy>().Any(copy => copy.From.Process == worker.Worker.Silo);
            orders.Add(To(worker, new Order.Begin(generation, from, source, processes, first, later, through, serves) { Since = state.Since }));
        }
        var stillLeaving = state.Leaving.Where(worker => staying.Exists(member => member.Worker == worker)).ToList();
        if (stillLeaving.Count > 0)
            orders.AddRange(staying.Select(worker => To(worker, new Order.Halt(generation, StopWish.Resize))));
        return Changed(next with
        {
            Phase = stillLeaving.Count > 0 ? JobPhase.Halting : JobPhase.Running,
            Base = from,
            Through = through,
            Deal = later,
            DealsBySpeed = state.Deal is { } before && before.Shares.Select(share => share.Worker).SequenceEqual(later.Shares.Select(share => share.Worker)) ? state.DealsBySpeed : 0,
            Audits = state.Audits.Until(from),      // what is computed again is to be proven again
            Histories = TookPart(state, staying, from),
            BoundaryDeadline = null,
            FailedWrites = 0,
            FruitlessGenerations = from > state.Base ? 0 : state.FruitlessGenerations,
            Workers = [.. state.Workers.Select(worker => staying.Contains(worker) ? worker with { IsMember = true, Standing = null } : worker)],
        }, $"generation {generation}: {reason}; {first}", orders);
    }

    // The next number. Those who leave are released with the number before it, and whoever is invited again has a newer one: an order that comes late cannot undo the other.
    static (JobState State, List<JobOrder> Orders) Bump(JobState state)
    {
        var released = state.Leaving.Where(worker => state.Workers.All(known => known.Worker != worker)).ToList();
        return (state with { Generation = state.Generation.Next, Leaving = [.. state.Leaving.Except(released)] },
            released.ConvertAll<JobOrder>(worker => new JobOrder.ToWorker(worker, new Order.Release(state.Generation))));
    }

    static JobDecision HaltMembers(JobState state, StopWish wish, string reason, List<JobOrder> orders)
    {
        orders.AddRange(state.Workers.Where(worker => worker.IsMember).Select(worker => To(worker, new Order.Halt(state.Generation, wish))));
        return Changed(state with { Phase = JobPhase.Halting }, reason, orders);
    }
}
