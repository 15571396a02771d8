using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Evaluation;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Training;

/// <summary>Tests that measure the process: nothing runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public class Alone
{
    public const string Name = "alone";
}

/// <summary>What a replica keeps, and what it gives back.</summary>
[Collection(Alone.Name)]
public class LifetimeTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("llama-adapter", KernelKind.Reference)]
    [InlineData("llama-adapter", KernelKind.Fast)]
    [InlineData("full", KernelKind.Reference)]
    public void A_thousand_steps_leave_no_tensor_behind_and_the_memory_where_it_was(string name, KernelKind kernels)
    {
        DeterministicTorch.EnterWorkerThread(1);
        using var weights = RandomModels.Weights(RandomModels.Grouped with { Layers = 1 }, ScalarType.Float32);
        using var replica = new Replica(weights, Methods.Of(new AdapterSpec { Method = name, Length = 3 }, weights.Config), new TrainingSpec(), kernels);
        var batch = Packed.Of([new([1, 5, 9, 3, 7, 7, 2], [0, 0, 0, 3, 7, 7, 2])]);
        var gradient = new float[replica.Layout.Count];
        Steps(100);

        var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var resident = Resident();
        Steps(1000);
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        output.WriteLine($"resident {resident / 1048576} MB -> {Resident() / 1048576} MB");
        Assert.True(Resident() - resident < 32 << 20, $"{(Resident() - resident) / 1024} KB more after 1,000 steps");

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            replica.Update(gradient, 1e-4);
        var perUpdate = (GC.GetAllocatedBytesForCurrentThread() - before) / 100;
        output.WriteLine($"{perUpdate} managed bytes an update");
        Assert.True(perUpdate < 4096, $"{perUpdate} managed bytes per update");

        void Steps(int count)
        {
            for (var i = 0; i < count; i++)
            {
                replica.Backward(batch, 0.1, gradient);
                replica.Update(gradient, 1e-4);
            }
            GC.Collect();
        }
    }

    [Theory]
    [InlineData("llama-adapter", KernelKind.Reference, 1, 6 * 1024)]
    [InlineData("llama-adapter", KernelKind.Reference, 40, 6 * 1024)]
    [InlineData("llama-adapter", KernelKind.Fast, 40, 64)]
    [InlineData("full", KernelKind.Reference, 40, 6 * 1024)]
    public void A_backward_pass_makes_a_few_kilobytes_of_managed_memory_however_many_segments_and_the_native_memory_stays(string name, KernelKind kernels, int examples, int managedBytesMax)
    {
        DeterministicTorch.EnterWorkerThread(1);
        using var weights = RandomModels.Weights(RandomModels.Tiny with { Layers = 4 }, ScalarType.Float32);
        using var replica = new Replica(weights, Methods.Of(new AdapterSpec { Method = name, Layers = 4, Length = 3 }, weights.Config), new TrainingSpec(), kernels);
        var batch = Packed.Of([.. Enumerable.Range(0, examples).Select(e => new Packed.Example([1, 5 + e % 13, 9, 3, 7, 7, 2], [0, 0, 0, 3, 7, 7, 2]))]);
        var gradient = new float[replica.Layout.Count];
        Passes(100);

        var (live, resident, managed) = (DisposeScopeManager.Statistics.ThreadTotalLiveCount, Resident(), GC.GetAllocatedBytesForCurrentThread());
        Passes(300);
        var perPass = (GC.GetAllocatedBytesForCurrentThread() - managed) / 300;
        output.WriteLine($"{perPass} managed bytes a pass; resident {resident / 1048576} MB -> {Resident() / 1048576} MB");
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.InRange(perPass, 0, managedBytesMax);
        Assert.True(Resident() - resident < 16 << 20, $"{(Resident() - resident) / 1024} KB more after 300 passes");

        void Passes(int count)
        {
            for (var i = 0; i < count; i++)
                replica.Backward(batch, 0.1, gradient);
        }
    }

    [Fact]
    public void What_the_kernels_hold_for_activations_is_what_the_largest_micro_batch_so_far_needs()
    {
        DeterministicTorch.EnterWorkerThread(1);
        using var weights = RandomModels.Weights(RandomModels.Odd, ScalarType.Float32);
        var method = RandomModels.Method("llama-adapter", weights.Config);
        MicroBatch[] batches = [.. new[] { 40, 7, 150 }.Select(length => Packed.Of([new([.. Enumerable.Range(1, length)], [.. Enumerable.Range(1, length)])]))];
        long[] alone = [.. batches.Select(batch => Held(batch)[^1])];
        Assert.Equal([alone[0], alone[0], alone[2], alone[2]], Held([.. batches, batches[1]]));
        Assert.True(alone[1] < alone[0] && alone[0] < alone[2]);
        using var given = new Replica(weights, method, new TrainingSpec(), KernelKind.Fast);
        var (before, after) = (new float[given.Layout.Count], new float[given.Layout.Count]);
        given.Backward(batches[0], 1, before);
        given.ReleaseActivations();
        Assert.Equal(0, given.ActivationBytes);
        given.Backward(batches[0], 1, after);
        Assert.Equal(before, after);
        Assert.Equal(alone[0], given.ActivationBytes);

        List<long> Held(params MicroBatch[] batches)
        {
            using var replica = new Replica(weights, method, new TrainingSpec(), KernelKind.Fast);
            var gradient = new float[replica.Layout.Count];
            var held = new List<long>();
            foreach (var batch in batches)
            {
                replica.Backward(batch, 1, gradient);
                replica.Loss(batch);
                held.Add(replica.ActivationBytes);
            }
            return held;
        }
    }

    [Fact]
    public void An_exported_state_goes_on_to_the_same_bytes_in_another_replica()
    {
        DeterministicTorch.EnterWorkerThread(1);
        using var weights = RandomModels.Weights(RandomModels.Grouped, ScalarType.Float32);
        using var first = Start(seed: 3);
        using var second = Start(seed: 4);
        Assert.NotEqual(first.Digest(), second.Digest());
        var batch = Packed.Of([new([1, 5, 9, 3, 7, 7, 2], [0, 0, 0, 3, 7, 7, 2])]);
        var gradient = new float[first.Layout.Count];
        Train(first);
        var state = new ReplicaState(first.Layout.Count);
        first.Export(state);
        Train(first);
        second.Import(state);
        Assert.Equal(new Step(5), second.Step);
        Train(second);
        Assert.Equal(first.Digest(), second.Digest());
        Assert.Equal(first.Step, second.Step);

        Replica Start(long seed) => new(weights, RandomModels.Method("llama-adapter", weights.Config), new TrainingSpec { Seed = seed });

        void Train(Replica replica)
        {
            for (var i = 0; i < 5; i++)
            {
                replica.Backward(batch, 0.25, gradient);
                replica.Update(gradient, 0.01);
            }
        }
    }

    [Fact]
    public void Start_values_are_a_function_of_the_seed_and_are_normal()
    {
        using var weights = RandomModels.Weights(RandomModels.Tiny with { Dim = 512, HeadDim = 128, Layers = 1 }, ScalarType.Float32);
        var method = Methods.Of(new AdapterSpec { Length = 40 }, weights.Config);
        using var replica = new Replica(weights, method, new TrainingSpec { Seed = 12 });
        using var same = new Replica(weights, method, new TrainingSpec { Seed = 12 });
        using var other = new Replica(weights, method, new TrainingSpec { Seed = 13 });
        Assert.Equal(replica.Digest(), same.Digest());
        Assert.NotEqual(replica.Digest(), other.Digest());
        var prompts = replica.Parameters[..(40 * 512)].ToArray();
        Assert.InRange(prompts.Average(), -0.03, 0.03);
        Assert.InRange(prompts.Average(x => x * x), 0.97, 1.03);
        Assert.InRange(prompts.Average(x => (double)x * x * x * x), 2.8, 3.2);
        Assert.All(replica.Parameters[(40 * 512)..].ToArray(), gate => Assert.Equal(0, gate));
    }

    [Theory]
    [InlineData(KernelKind.Reference)]
    [InlineData(KernelKind.Fast)]
    public void The_held_out_loss_is_the_backward_passes_own_and_leaves_no_tensor_behind(KernelKind kernels)
    {
        DeterministicTorch.EnterWorkerThread(1);
        using var weights = RandomModels.Weights(RandomModels.Grouped, ScalarType.Float32);
        using var replica = new Replica(weights, RandomModels.Method("llama-adapter", weights.Config), new TrainingSpec(), kernels);
        var batches = new[] { Packed.Of([new([1, 5, 9, 3, 7, 7, 2], [0, 0, 0, 3, 7, 7, 2])]), Packed.Of([new([1, 8], [0, 0])]), Packed.Of([new([1, 8, 2], [0, 8, 2])]) };
        var gradient = new float[replica.Layout.Count];
        var wanted = batches.Sum(batch => replica.Backward(batch, 1, gradient).LossSum);
        var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var loss = HeldOutLoss.Of(replica, batches);
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.Equal(wanted, loss.Sum);
        Assert.Equal(6, loss.Tokens);
        Assert.Equal(Math.Exp(wanted / 6), loss.Perplexity);
    }

    static long Resident()
    {
        using var self = System.Diagnostics.Process.GetCurrentProcess();
        return self.WorkingSet64;
    }
}
