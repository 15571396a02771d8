using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Order;

/// <summary>
/// What one step computes: which samples, cut into which micro-batches, and how many supervised tokens they have together. A function of the job's plan, the
/// sizes of the samples and the step; no worker can change it.
/// </summary>
public sealed class StepPlan
{
    readonly int[] samples;      // in the order of their micro-batches
    readonly int[] ends;         // of the micro-batches, among the samples

    StepPlan(Step step, int epoch, int[] samples, int[] ends, long tokens, long supervisedTokens)
    {
        (Step, Epoch, this.samples, this.ends) = (step, epoch, samples, ends);
        (Tokens, SupervisedTokens) = (tokens, supervisedTokens);
    }

    /// <summary>The step.</summary>
    public Step Step { get; }

    /// <summary>The pass over the data it belongs to, from 0.</summary>
    public int Epoch { get; }

    /// <summary>The step's samples, one micro-batch after another.</summary>
    public ReadOnlySpan<int> Samples => samples;

    /// <summary>M, the number of micro-batches.</summary>
    public int MicroBatchCount => ends.Length;

    /// <summary>Tokens of the step, padding excluded since there is none.</summary>
    public long Tokens { get; }

    /// <summary>Tokens that the loss looks at, over the whole step.</summary>
    public long SupervisedTokens { get; }

    /// <summary>What a token's loss weighs in the step's gradient: one over <see cref="SupervisedTokens"/>.</summary>
    public double TokenWeight => SupervisedTokens == 0 ? 0 : 1.0 / SupervisedTokens;

    /// <summary>The samples of micro-batch <paramref name="m"/>.</summary>
    public ReadOnlySpan<int> MicroBatch(int m) => samples.AsSpan((m == 0 ? 0 : ends[m - 1])..ends[m]);

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
        long tokens = 0, supervised = 0;
        foreach (var sample in chosen)
        {
            tokens += sizes.Length(sample);
            supervised += sizes.Supervised(sample);
        }
        var ends = EvenCut.Sort(chosen, plan.MicroBatches, training.MicroBatchSize, sizes);
        return new StepPlan(step, epoch, chosen, ends, tokens, supervised);
    }
}
