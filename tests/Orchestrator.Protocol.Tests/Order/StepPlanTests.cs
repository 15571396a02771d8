using CsCheck;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Order;

namespace Orchestrator.Protocol.Tests.Order;

public class StepPlanTests
{
    static readonly Gen<(JobPlan Plan, Sizes Sizes)> jobs =
        from batch in Gen.Int[1, 40]
        from micro in Gen.Int[1, 10]
        from samples in Gen.Int[batch, 400]
        from epochs in Gen.Int[1, 3]
        from seed in Gen.Long
        from shuffle in Gen.Bool
        from lengths in Gen.Int[1, 30].Array[samples]
        select (Plans.Of(new TrainingSpec { Epochs = epochs, GlobalBatchSize = batch, MicroBatchSize = micro, Seed = seed }, samples, shuffle), new Sizes(lengths));

    [Fact]
    public void An_epoch_has_each_sample_at_most_once_and_drops_only_the_last_incomplete_batch()
        => jobs.Sample((plan, sizes) =>
        {
            for (var epoch = 0; epoch < plan.Spec.Training.Epochs; epoch++)
            {
                var seen = new HashSet<int>();
                for (var i = 1; i <= plan.StepsPerEpoch; i++)
                {
                    var step = StepPlan.For(plan, sizes, new Step(epoch * plan.StepsPerEpoch + i));
                    Assert.Equal(epoch, step.Epoch);
                    foreach (var sample in step.Samples)
                    {
                        Assert.InRange(sample, 0, plan.TrainingSamples - 1);
                        Assert.True(seen.Add(sample));
                    }
                }
                Assert.Equal(plan.TrainingSamples / plan.Spec.Training.GlobalBatchSize * plan.Spec.Training.GlobalBatchSize, seen.Count);
            }
        });

    [Fact]
    public void Micro_batches_are_cut_from_the_samples_by_length_and_number()
        => jobs.Sample((plan, sizes) =>
        {
            var step = StepPlan.For(plan, sizes, plan.Last);
            var samples = step.Samples.ToArray();
            Assert.Equal(samples.OrderBy(sizes.Length).ThenBy(sample => sample), samples);
            Assert.Equal(plan.MicroBatches, step.MicroBatchCount);
            var cut = new List<int>();
            for (var m = 0; m < step.MicroBatchCount; m++)
            {
                var micro = step.MicroBatch(m).ToArray();
                Assert.InRange(micro.Length, 1, plan.Spec.Training.MicroBatchSize);
                Assert.True(m == step.MicroBatchCount - 1 || micro.Length == plan.Spec.Training.MicroBatchSize);
                cut.AddRange(micro);
            }
            Assert.Equal(samples, cut);
        });

    [Fact]
    public void Tokens_are_known_before_the_step_starts()
        => jobs.Sample((plan, sizes) =>
        {
            var step = StepPlan.For(plan, sizes, new Step(1));
            var samples = step.Samples.ToArray();
            Assert.Equal(samples.Sum(sizes.Length), step.Tokens);
            Assert.Equal(samples.Sum(sizes.Supervised), step.SupervisedTokens);
            Assert.Equal(step.SupervisedTokens == 0 ? 0 : 1.0 / step.SupervisedTokens, step.TokenWeight);
        });

    [Fact]
    public void Only_the_seed_the_data_and_the_step_count()
        => jobs.Sample((plan, sizes) =>
        {
            var other = plan with { Kind = "another", Parameters = 77, Spec = plan.Spec with { Name = "another", Workers = 13, Training = plan.Spec.Training with { LearningRate = 1, Epochs = 9 } } };
            for (var step = new Step(1); step <= plan.Last; step = step.Next)
                Assert.Equal(StepPlan.For(plan, sizes, step).Samples.ToArray(), StepPlan.For(other, sizes, step).Samples.ToArray());
        });

    [Fact]
    public void Without_shuffling_the_samples_come_in_the_order_of_the_file()
        => jobs.Sample((plan, sizes) =>
        {
            var unshuffled = plan with { Spec = plan.Spec with { Data = plan.Spec.Data with { Shuffle = false } } };
            var size = plan.Spec.Training.GlobalBatchSize;
            var place = (int)((plan.Last.Number - 1) % plan.StepsPerEpoch) * size;
            Assert.Equal(Enumerable.Range(place, size), StepPlan.For(unshuffled, sizes, plan.Last).Samples.ToArray().Order());
        });

    [Fact]
    public void A_step_that_the_job_does_not_have_is_refused()
    {
        var plan = Plans.Of(new TrainingSpec { Epochs = 2, GlobalBatchSize = 4 }, 9);
        Assert.Equal(new Step(4), plan.Last);
        Assert.Throws<ArgumentOutOfRangeException>(() => StepPlan.For(plan, new Sizes(new int[9]), Step.Start));
        Assert.Throws<ArgumentOutOfRangeException>(() => StepPlan.For(plan, new Sizes(new int[9]), new Step(5)));
    }

    sealed class Sizes(int[] lengths) : ISampleSizes
    {
        public int Length(int sample) => lengths[sample];

        public int Supervised(int sample) => lengths[sample] / 2;
    }
}
