using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Coordination;

/// <content>What audits find, who computes wrong, and how far the job goes back then.</content>
public static partial class Coordinator
{
    /// <summary>How long a worker that was asked to compute a micro-batch once more is waited for.</summary>
    public static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(10);

    static JobDecision Compare(JobPlan plan, JobState state, JobEvent.Audited audited, DateTimeOffset now)
    {
        if (!state.Counts(audited.Generation, audited.Step) || audited.Leaves.Any(leaf => leaf.MicroBatch < 0 || leaf.MicroBatch >= plan.MicroBatches))
            return Nothing(state, $"step {audited.Step} of generation {audited.Generation} counts no more");
        var book = state.Audits.With(audited, plan.MicroBatches, state.Committed);
        if (book == state.Audits)
            return Nothing(state, state.Reason);
        var next = state with { Audits = book };
        return book.Dispute is null ? Kept(next) : Inquire(plan, next, now) ?? Kept(next);
    }

    // A worker that stands says once more what it told of its last steps: the job cannot end before it is heard.
    static JobState Heard(JobPlan plan, JobState state, IReadOnlyList<JobEvent.Audited> told)
        => state with
        {
            Audits = told.Where(audited => state.Counts(audited.Generation, audited.Step)).Aggregate(state.Audits, (book, audited) => book.With(audited, plan.MicroBatches, state.Committed)),
        };

    // Where micro-batches are audited, the digests that say who was wrong are on their way; the job ends with the contradiction if they never come.
    static JobDecision Contradict(JobPlan plan, JobState state, JobEvent.Contradicted what)
        => !state.Counts(what.Generation, what.Step) ? Nothing(state, what.Reason)
            : AuditRule.Of(plan).IsOn ? Kept(state with { Contradiction = state.Contradiction ?? what.Reason })
            : End(state, JobPhase.Failed, $"step {what.Step}: {what.Reason}");

    // The next that is to be done about the first dispute; null while an answer is waited for.
    static JobDecision? Inquire(JobPlan plan, JobState state, DateTimeOffset now)
    {
        var leaf = state.Audits.Dispute!;
        var members = state.Workers.Where(worker => worker.IsMember).Select(worker => worker.Worker).ToList();
        if (leaf.Asked is { } asked)
        {
            if (members.Contains(asked) && now < leaf.AskedUntil && leaf.AskedUntil <= now + AnswerPatience)
                return null;
            leaf = leaf with { Statements = [.. leaf.Statements, new Statement(asked, null)], Asked = null, AskedUntil = null };
        }
        var verdict = Verdict.On(leaf, members);
        if (verdict.Ask is not { } witness)
            return Convict(plan, state, leaf, verdict, now);
        leaf = leaf with { Asked = witness, AskedUntil = now + AnswerPatience };
        return Changed(state with { Audits = state.Audits.With(leaf) },
            $"{string.Join(" and ", leaf.Statements.Select(said => said.Worker).Distinct().Order())} differ in micro-batch {leaf.MicroBatch} of step {leaf.Step}; {witness} computes it too",
            new JobOrder.ToWorker(witness, new Order.Recompute(state.Generation, leaf.Step, leaf.MicroBatch)));
    }

    // Whatever a worker that computes wrong took part in may be wrong, unless it is proven. The generation that follows is the first whose states count.
    static JobDecision Convict(JobPlan plan, JobState state, AuditedLeaf leaf, Verdict verdict, DateTimeOffset now)
    {
        var certain = verdict.Wrong.Select(worker => Later(state.Audits.Proven, HistoryOf(state, worker).From ?? state.Audits.Proven)).MinBy(step => step.Number);
        if (state.GoingBack is { } goal && goal < certain)
            certain = goal;
        var what = $"micro-batch {leaf.MicroBatch} of step {leaf.Step}";
        var reason = verdict.IsCertain
            ? $"{string.Join(" and ", verdict.Wrong)} computed {what} wrong, as found by computing it again elsewhere"
            : $"{string.Join(" and ", verdict.Wrong)} differ in {what}, and nobody could say who is right";
        var next = state with
        {
            Quarantined = [.. state.Quarantined, .. verdict.Wrong.Where(worker => state.Quarantined.All(known => known.Worker != worker)).Select(worker => new Quarantined(worker, leaf.Step, reason))],
            Workers = [.. state.Workers.Where(worker => !verdict.Wrong.Contains(worker.Worker))],
            Leaving = [.. state.Leaving.Union(verdict.Wrong).Order()],
            Audits = state.Audits.Until(certain),
            Evaluated = state.Evaluated < certain ? state.Evaluated : certain,
            WaysBack = [.. state.WaysBack, new WayBack(state.Generation.Next, certain)],
            GoingBack = certain,
            Contradiction = null,
        };
        var decision = Muster(next, $"{reason}; goes back to what is certain, at most step {certain}", now);
        return decision with { Orders = [.. decision.Orders, .. verdict.Wrong.Select(worker => new JobOrder.Quarantine(worker, reason)), new JobOrder.GoBack(certain)] };
    }

    static JobDecision Pardon(JobState state, WorkerId worker)
        => state.Quarantined.Any(quarantined => quarantined.Worker == worker)
            ? Kept(state with { Quarantined = [.. state.Quarantined.Where(quarantined => quarantined.Worker != worker)] })
            : Nothing(state, $"{worker} is not quarantined");
}
