using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Order;

/// <summary>The learning rate of a step, as a function of the plan.</summary>
public static class LearningRate
{
    /// <summary>
    /// The rate of update <paramref name="step"/>; the first has rate 0 under a warm-up. By epoch, as the original:
    /// <c>e &lt; warmup: lr e / warmup</c>, else <c>min + (lr - min) (1 + cos(π (e - warmup) / (epochs - warmup))) / 2</c>, with e = epoch + i / n.
    /// </summary>
    public static double At(JobPlan plan, Step step)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var training = plan.Spec.Training;
        var (high, low) = (plan.LearningRate, training.MinLearningRate);
        var (done, warmup, whole) = training.Schedule == Schedule.Cosine
            ? ((step.Number - 1) / (double)plan.StepsPerEpoch, plan.WarmupEpochs, (double)training.Epochs)
            : (step.Number - 1, training.WarmupSteps, plan.Last.Number);
        if (done < warmup)
            return high * done / warmup;
        var share = whole > warmup ? (done - warmup) / (whole - warmup) : 1;
        return training.Schedule == Schedule.LinearBySteps
            ? low + (high - low) * (1 - share)
            : low + (high - low) * 0.5 * (1 + Math.Cos(Math.PI * share));
    }
}
