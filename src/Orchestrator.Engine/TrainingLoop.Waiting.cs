using System.Diagnostics;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Order;

namespace Orchestrator.Engine;

/// <content>What a worker does while the sum does not come: first nothing, then what is missing, and in the end it complains.</content>
sealed partial class TrainingLoop
{
    /// <summary>Times of a micro-batch after which a worker that waits computes in others' place: workers that are equally fast differ by less than one.</summary>
    const double HedgeFactor = 2;

    /// <summary>Part of what its own share took that it waits at least: workers that share processors differ by more, and what is computed twice there makes everybody later.</summary>
    const double HedgeShare = 0.5;

    static readonly TimeSpan hedgeAfterMin = TimeSpan.FromMilliseconds(20);

    void Await(ReductionRound round, StepPlan step, CancellationToken stop)
    {
        if (!pace.IsKnown)
        {
            round.Wait(Timeout.InfiniteTimeSpan, stop);
            return;
        }
        var deal = participant.Membership!.DealOf(step.Step);
        var usual = TimeSpan.FromSeconds(pace.SecondsFor((double)step.Tokens / step.MicroBatchCount));
        var share = times.TakeShareSeconds();
        var patience = TimeSpan.FromSeconds(Hedging.Patience(usual.TotalSeconds, share));
        var (began, complained, next) = (Stopwatch.GetTimestamp(), false, Longer(Longer(HedgeFactor * usual, TimeSpan.FromSeconds(HedgeShare * share)), hedgeAfterMin));
        while (!round.Wait(next, stop))
        {
            if (!complained && Stopwatch.GetElapsedTime(began) >= patience)
            {
                Complain(deal);
                complained = true;
            }
            var missing = participant.Hedge(presence.Reduction.IsThere);
            if (missing is { } m)
                Hedge(step, m);
            next = missing is null ? Longer(usual, hedgeAfterMin) : TimeSpan.Zero;
        }
    }

    void Hedge(StepPlan step, int m)
    {
        var leaf = Backward(step, m, WorkerState.Recompute);
        times.Enter(WorkerState.Peers);
        presence.Metrics?.Hedged();
        if (presence.Reduction.Hedge(participant.Generation, step.Step, leaf, ByMe(step.Step, leaf)))
            participant.Hedged(m);
    }

    void Complain(Deal deal)
    {
        foreach (var (straggler, missing) in Hedging.Stragglers(deal, me, presence.Reduction.HasArrived))
            outbox.Tell(new JobEvent.Lost(straggler.Silo, straggler.Slot, participant.Generation, $"{missing.Count} of its micro-batches do not come, long after everybody else's"));
    }

    static TimeSpan Longer(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
