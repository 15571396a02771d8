using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Order;

/// <summary>
/// What one step computes: which samples, cut into which micro-batches, and how many supervised tokens they have together. A function of the job's plan, the
/// sizes of the samples and the step; no worker can change it.
/// </summary>
public sealed class StepPlan
{
    readonly int[] samples;      // sorted by length inside the global batch, ties by number
    readonly int microBatchSize;

    StepPlan(Step step, int epoch, int[] samples, int microBatchSize, long tokens, long supervisedTokens)
    {
        (Step, Epoch, this.samples, this.microBatchSize) = (step, epoch, samples, microBatchSize);
        (Tokens, SupervisedTokens) = (tokens, supervisedTokens);
    }

    /// <summary>The step.</summary>
    public Step Step { get; }

    /// <summary>The pass over the data it belongs to, from 0.</summary>
    public int Epoch { get; }

    /// <summary>The step's samples, in the order in which they are cut.</summary>
    public ReadOnlySpan<int> Samples => samples;

    /// <summary>M, the number of micro-batches.</summary>
    public int MicroBatchCount => (samples.Length + microBatchSize - 1) / microBatchSize;

    /// <summary>Tokens of the step, padding excluded since there is none.</summary>
    public long Tokens { get; }

    /// <summary>Tokens that the loss looks at, over the whole step.</summary>
    public long SupervisedTokens { get; }

    /// <summary>What a token's loss weighs in the step's gradient: one over <see cref="SupervisedTokens"/>.</summary>
    public double TokenWeight => SupervisedTokens == 0 ? 0 : 1.0 / SupervisedTokens;

    /// <summary>The samples of micro-batch <paramref name="m"/>.</summary>
    public ReadOnlySpan<int> MicroBatch(int m)
    {
        var from = m * microBatchSize;
        return samples.AsSpan(from, Math.Min(microBatchSize, samples.Length - from));
    }

    /// <summary>The plan of a step.</summary>
    /// <exception cref="ArgumentOutOfRangeException">the job has no such step</exception>
    public static StepPlan For(JobPlan plan, ISampleSizes sizes, Step step)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(sizes);
        if (step <= Step.Start || step > plan.Last)
            throw new ArgumentOutOfRangeException(nameof(step), step, $"the job has steps 1 to {plan.Last}");
        var training = plan.Spec.Training;
        var (epoch, iteration) = plan.EpochOf(step);
        var chosen = new int[training.GlobalBatchSize];
        var order = new Permutation(plan.TrainingSamples, Counter.Of(training.Seed, Streams.Order, epoch));
        for (var i = 0; i < chosen.Length; i++)
        {
            var place = iteration * chosen.Length + i;
            chosen[i] = plan.Spec.Data.Shuffle ? order[place] : place;
        }
        Array.Sort(chosen, (a, b) => sizes.Length(a).CompareTo(sizes.Length(b)) is var byLength && byLength != 0 ? byLength : a.CompareTo(b));
        long tokens = 0, supervised = 0;
        foreach (var sample in chosen)
        {
            tokens += sizes.Length(sample);
            supervised += sizes.Supervised(sample);
        }
        return new StepPlan(step, epoch, chosen, training.MicroBatchSize, tokens, supervised);
    }
}
