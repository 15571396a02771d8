using CsCheck;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Order;
using Orchestrator.Protocol.Reduction;

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
    public void Micro_batches_have_every_sample_once_and_none_is_empty_or_has_more_than_twice_the_mean()
        => jobs.Sample((plan, sizes) =>
        {
            var step = StepPlan.For(plan, sizes, plan.Last);
            Assert.Equal(plan.MicroBatches, step.MicroBatchCount);
            var cut = new List<int>();
            foreach (var micro in MicroBatches(step))
            {
                Assert.InRange(micro.Length, 1, 2 * plan.Spec.Training.MicroBatchSize);
                Assert.Equal(micro.OrderBy(sizes.Length).ThenBy(sample => sample), micro);
                cut.AddRange(micro);
            }
            Assert.Equal(step.Samples.ToArray(), cut);
        });

    [Fact]
    public void The_two_sides_of_a_node_of_the_tree_cost_the_same_for_each_of_their_micro_batches_up_to_a_sample()
        => jobs.Sample((plan, sizes) =>
        {
            var step = StepPlan.For(plan, sizes, plan.Last);
            Descend(new TreeNode(0, step.MicroBatchCount));

            void Descend(TreeNode node)
            {
                if (node.IsLeaf)
                    return;
                var (left, right) = (Samples(node.Left), Samples(node.Right));
                AssertNotDearer(left, node.Left, right, node.Right);
                AssertNotDearer(right, node.Right, left, node.Left);
                Descend(node.Left);
                Descend(node.Right);
            }

            void AssertNotDearer(int[] its, TreeNode node, int[] others, TreeNode other)
            {
                var otherIsFull = others.Length == 2 * plan.Spec.Training.MicroBatchSize * other.Count;
                var hasOneEach = its.Length == node.Count;
                Assert.True(otherIsFull || hasOneEach
                    || sizes.CostOf(its) / (double)node.Count <= (sizes.CostOf(others) + its.Max(sample => sizes.CostOf([sample]))) / (double)other.Count + 1e-9);
            }

            int[] Samples(TreeNode node) => [.. Enumerable.Range(node.Lo, node.Count).SelectMany(m => step.MicroBatch(m).ToArray())];
        });

    [Fact]
    public void A_cut_does_not_depend_on_the_order_in_which_the_samples_came()
        => jobs.Sample((plan, sizes) =>
        {
            var once = plan with { TrainingSamples = plan.Spec.Training.GlobalBatchSize, Spec = plan.Spec with { Data = plan.Spec.Data with { Shuffle = true } } };
            var unshuffled = once with { Spec = once.Spec with { Data = once.Spec.Data with { Shuffle = false } } };
            Assert.Equal(MicroBatches(StepPlan.For(unshuffled, sizes, once.Last)), MicroBatches(StepPlan.For(once, sizes, once.Last)));
        });

    [Fact]
    public void A_long_sample_is_alone_where_the_rest_costs_less()
    {
        var plan = Plans.Of(new TrainingSpec { GlobalBatchSize = 6, MicroBatchSize = 3, Epochs = 1 }, 6, shuffle: false);
        var sizes = new Sizes([10, 400, 12, 14, 11, 13], shared: 0);
        Assert.Equal([[1], [0, 4, 2, 5, 3]], MicroBatches(StepPlan.For(plan, sizes, plan.Last)));
    }

    [Fact]
    public void Samples_that_begin_alike_come_together_where_that_saves_work()
    {
        var plan = Plans.Of(new TrainingSpec { GlobalBatchSize = 4, MicroBatchSize = 2, Epochs = 1 }, 4, shuffle: false);
        var sizes = new Sizes([40, 40, 41, 41], shared: 30);
        Assert.Equal([[0, 2], [1, 3]], MicroBatches(StepPlan.For(plan, sizes, plan.Last)));
    }

    static IEnumerable<int[]> MicroBatches(StepPlan step) => Enumerable.Range(0, step.MicroBatchCount).Select(m => step.MicroBatch(m).ToArray());

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

    // Even samples begin alike, and so do odd ones.
    sealed class Sizes(int[] lengths, int shared = 3) : ISampleSizes
    {
        public int Length(int sample) => lengths[sample];

        public int Supervised(int sample) => lengths[sample] / 2;

        public int Shared(int sample, int other) => sample % 2 == other % 2 ? Math.Min(shared, Math.Min(lengths[sample], lengths[other]) / 2) : 0;

        public TokenCost Cost => new(10, 20, 1);

        public long CostOf(int[] micro)
        {
            var cost = 0L;
            for (var i = 0; i < micro.Length; i++)
                cost += Cost.Of(micro[..i].Select(other => Shared(micro[i], other)).DefaultIfEmpty().Max(), Length(micro[i]), Supervised(micro[i]));
            return cost;
        }
    }
}
