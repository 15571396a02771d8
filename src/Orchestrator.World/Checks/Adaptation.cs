using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Order;

namespace Orchestrator.World.Checks;

/// <summary>Trains an adapter as the demonstration does, without the orchestra: one replica, one micro-batch a step.</summary>
public static class Adaptation
{
    /// <summary>The demonstration's method: all four layers, ten slots each; 5,136 numbers.</summary>
    public static readonly AdapterSpec Adapter = new() { Method = "llama-adapter", Layers = 4, Length = 10 };

    /// <summary>The demonstration's training: 6 epochs of 17 steps.</summary>
    public static TrainingSpec Training(long seed) => new()
    {
        Epochs = 6, GlobalBatchSize = 32, MicroBatchSize = 32, LearningRate = 0.02, WarmupEpochs = 1, WeightDecay = 0.02, Seed = seed,
    };

    /// <summary>A replica, trained.</summary>
    /// <param name="weights">the base; it outlives the replica</param>
    /// <param name="records">what it learns from, all of it</param>
    /// <param name="seed">start values and order</param>
    /// <param name="epochEnded">told the mean loss of each epoch's steps</param>
    public static Replica Run(LlamaWeights weights, Dataset records, long seed, Action<double> epochEnded)
    {
        var training = Training(seed);
        var replica = new Replica(weights, Methods.Of(Adapter, weights.Config), training);
        var plan = new JobPlan
        {
            Spec = new JobSpec { Adapter = Adapter, Training = training }, TrainingSamples = records.Count, ValidationSamples = 0,
            Parameters = replica.Layout.Count, Digests = new("", "", "", ""), Kind = "",
        };
        var packer = new BatchPacker();
        var gradient = new float[replica.Layout.Count];
        var epochLoss = 0.0;
        for (var step = Step.Start.Next; step.Number <= plan.Last.Number; step = step.Next)
        {
            var stepPlan = StepPlan.For(plan, new Sizes(records), step);
            var result = replica.Backward(packer.Pack(records, stepPlan.Samples, PrefixSharing.CommonPrefixes), stepPlan.TokenWeight, gradient);
            replica.Update(gradient, LearningRate.At(plan, step));
            epochLoss += result.LossSum * stepPlan.TokenWeight / plan.StepsPerEpoch;
            if (step.Number % plan.StepsPerEpoch != 0)
                continue;
            epochEnded(epochLoss);
            epochLoss = 0;
        }
        return replica;
    }

    sealed class Sizes(Dataset records) : ISampleSizes
    {
        public int Length(int sample) => records.Length(sample);

        public int Supervised(int sample) => records.Supervised(sample);

        public int Shared(int sample, int other) => 0;

        public TokenCost Cost => new(1, 0, 0);      // one micro-batch: nothing is cut
    }
}
