using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Order;

namespace Orchestrator.Protocol.Coordination;

/// <summary>Which micro-batches are computed a second time, and by whom: a function of the seed, the step, the micro-batch and the deal.</summary>
/// <param name="Seed">the job's</param>
/// <param name="Share">of the micro-batches, 0 to 1</param>
public sealed record AuditRule(long Seed, double Share)
{
    /// <summary>Nothing is audited.</summary>
    public static readonly AuditRule None = new(0, 0);

    /// <summary>The rule of a job.</summary>
    public static AuditRule Of(JobPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return new AuditRule(plan.Spec.Training.Seed, plan.Spec.Audit.Share ?? 0);
    }

    /// <summary>Whether anything is audited.</summary>
    public bool IsOn => Share > 0;

    /// <summary>Whether a micro-batch is audited.</summary>
    public bool Selects(Step step, int m) => IsOn && Counter.Of(Seed, Streams.Audits, step.Number, m).Uniform(0) < Share;

    /// <summary>
    /// Who audits a micro-batch: a worker of another process than the one that contributes it, or another slot where there is no other process; null where nobody else is.
    /// Neighbouring micro-batches have different auditors, so that everybody has about as much to do.
    /// </summary>
    public static WorkerId? AuditorOf(Deal deal, Step step, int m)
    {
        ArgumentNullException.ThrowIfNull(deal);
        var owner = deal.Shares.First(share => share.Leaves.Any(range => range.Contains(m))).Worker;
        var others = deal.Shares.Where(share => share.Worker.Silo != owner.Silo).ToList();
        if (others.Count == 0)
            others = [.. deal.Shares.Where(share => share.Worker != owner)];
        return others.Count == 0 ? null : others[(int)((m + step.Number) % others.Count)].Worker;
    }

    /// <summary>The micro-batches that <paramref name="worker"/> audits in a step, ascending.</summary>
    public IReadOnlyList<int> Of(Deal deal, Step step, WorkerId worker)
    {
        ArgumentNullException.ThrowIfNull(deal);
        return IsOn ? [.. Enumerable.Range(0, deal.MicroBatches).Where(m => Selects(step, m) && AuditorOf(deal, step, m) == worker)] : [];
    }
}
