namespace Orchestrator.Protocol.Coordination;

/// <content>What is known of the workers' speeds, and when all stand for a deal that fits them.</content>
public static partial class Coordinator
{
    static JobDecision Measure(JobState state, JobEvent.Paced paced)
        => state.Workers.Any(worker => worker.Worker == paced.Worker && worker.IsMember)
            ? Balanced(Timed(state, paced.Worker, paced.Seconds))
            : Nothing(state, $"{paced.Worker} is no member");

    // Who had nothing to compute tells how fast it once was.
    static bool Computes(JobState state, WorkerId worker) => state.Deal?.Shares.Any(share => share.Worker == worker && share.Count == 0) != true;

    static JobState Timed(JobState state, WorkerId worker, double? pace)
        => pace is not > 0 || HistoryOf(state, worker).Pace == pace ? state : With(state, HistoryOf(state, worker) with { Pace = pace });

    // All stand at the end of the step in hand, as for any other wish: nobody is asked what it has, and nothing is computed twice.
    static JobDecision Balanced(JobState state)
    {
        var paces = PacesOf(state);
        if (state.Phase != JobPhase.Running || state.Deal is not { } deal || state.Committed.Number < state.Base.Number + Balance.StepsMeasured
            || (state.Balanced is { } last && last <= state.Committed && state.Committed.Number < last.Number + Balance.StepsAfter(state.DealsBySpeed)) || !Balance.IsLost(deal, paces))
        {
            return Kept(state);
        }
        var slowest = deal.Shares.Where(share => share.Count > 0).MaxBy(share => share.Count * paces[share.Worker])!;
        var next = deal.Shares.Where(share => share.Count == 0).Aggregate(state, (known, idle) => With(known, HistoryOf(known, idle.Worker) with { Pace = null }));
        var fresh = PacesOf(next);
        return HaltMembers(next with { Balanced = state.Committed, DealsBySpeed = state.DealsBySpeed + 1 }, StopWish.Balance, FormattableString.Invariant(
            $"{slowest.Worker} needs {slowest.Count * paces[slowest.Worker]:0.00} s for its {slowest.Count} micro-batches, {Balance.Seconds(Dealt(deal, fresh), fresh):0.00} s would do for all: they are dealt anew after this step"), []);
    }

    static Deal Dealt(Deal deal, IReadOnlyDictionary<WorkerId, double> paces)
        => Dealer.Contiguous(deal.MicroBatches, Balance.Speeds(deal.Shares.Select(share => share.Worker), paces));

    static Dictionary<WorkerId, double> PacesOf(JobState state)
        => state.Histories.Where(history => history.Pace is not null).ToDictionary(history => history.Worker, history => history.Pace!.Value);

    static IReadOnlyList<WorkerHistory> TookPart(JobState state, IEnumerable<WorkerView> members, Step from)
        => members.Where(member => !(HistoryOf(state, member.Worker).From <= from))
            .Aggregate(state, (known, member) => With(known, HistoryOf(known, member.Worker) with { From = from })).Histories;

    static WorkerHistory HistoryOf(JobState state, WorkerId worker)
        => state.Histories.FirstOrDefault(history => history.Worker == worker) ?? new WorkerHistory(worker, null, null);

    static JobState With(JobState state, WorkerHistory history)
        => state with { Histories = [.. state.Histories.Where(known => known.Worker != history.Worker).Append(history).OrderBy(known => known.Worker)] };
}
