using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine.Checkpoints;

/// <summary>Which checkpoints stay.</summary>
public static class Retention
{
    /// <summary>The last ones, and the one with the lowest held-out loss if it is to be kept.</summary>
    /// <param name="steps">what is there, ascending</param>
    /// <param name="losses">held-out losses by step, as far as known</param>
    /// <param name="spec">what the user wants kept</param>
    public static IReadOnlySet<Step> Kept(IReadOnlyList<Step> steps, IReadOnlyDictionary<Step, double> losses, CheckpointSpec spec)
    {
        ArgumentNullException.ThrowIfNull(steps);
        ArgumentNullException.ThrowIfNull(losses);
        ArgumentNullException.ThrowIfNull(spec);
        var kept = steps.Skip(Math.Max(0, steps.Count - spec.KeepLast)).ToHashSet();
        if (spec.KeepBest && steps.Where(step => losses.TryGetValue(step, out var loss) && !double.IsNaN(loss)).ToList() is { Count: > 0 } judged)
            kept.Add(judged.MinBy(step => (losses[step], step)));
        return kept;
    }

    /// <summary>Deletes what does not stay; a checkpoint that an evaluation still waits for stays as well.</summary>
    public static void Prune(RunFolder run, JobPlan plan, IReadOnlyDictionary<Step, double> losses)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(plan);
        var steps = CheckpointReader.Steps(run);
        var kept = Kept(steps, losses, plan.Spec.Checkpoint);
        foreach (var step in steps.Where(step => !kept.Contains(step) && (!plan.IsEvaluation(step) || losses.ContainsKey(step))))
            CheckpointFolder.Remove(run.Checkpoint(step));
        if (steps.Count > 0)
            CheckpointFolder.RemoveLeftovers(run, steps[^1]);
    }
}
