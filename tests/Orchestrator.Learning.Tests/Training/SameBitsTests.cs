using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Kernels;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Jobs;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Training;

/// <summary>A gradient is a function of the replica's numbers and the micro-batch: not of the thread, its neighbours, or what was computed before.</summary>
public class SameBitsTests
{
    [Theory]
    [InlineData("llama-adapter", KernelKind.Reference, 1)]
    [InlineData("llama-adapter", KernelKind.Fast, 1)]
    [InlineData("llama-adapter", KernelKind.Fast, 2)]
    [InlineData("full", KernelKind.Reference, 2)]
    public void Workers_side_by_side_compute_the_same_bits_as_one_alone(string name, KernelKind kernels, int threads)
    {
        // Large enough that kernels would split their work.
        var config = RandomModels.Grouped with { Dim = 128, HeadDim = 32, Hidden = 320, Vocabulary = 2000 };
        using var weights = RandomModels.Weights(config, ScalarType.Float32);
        var batch = Packed.Of([.. Enumerable.Range(1, 4).Select(e => Enumerable.Range(0, 20 * e).Select(t => 1 + (t * t + e) % 1999).ToArray()).Select(tokens => new Packed.Example(tokens, tokens))]);
        var alone = DigestOfTwoSteps();
        var digests = new string[2];
        var workers = digests.Select((_, worker) => new Thread(() => digests[worker] = DigestOfTwoSteps())).ToList();
        workers.ForEach(worker => worker.Start());
        workers.ForEach(worker => worker.Join());
        Assert.All(digests, digest => Assert.Equal(alone, digest));

        string DigestOfTwoSteps()
        {
            DeterministicTorch.EnterWorkerThread(threads);
            var method = RandomModels.Method(name, config);
            using var replica = new Replica(weights, method, new TrainingSpec { WeightDecay = 0.1 }, kernels, threads);
            replica.Import(GradientTests.StateOf(RandomModels.Vector(method, weights)));
            var gradient = new float[replica.Layout.Count];
            for (var step = 0; step < 2; step++)
            {
                replica.Backward(batch, 1.0 / batch.Supervised, gradient);
                replica.Update(gradient, 0.01);
            }
            return replica.Digest();
        }
    }

    [Theory]
    [InlineData("llama-adapter", KernelKind.Reference, ScalarType.Float32)]
    [InlineData("llama-adapter", KernelKind.Fast, ScalarType.Float32)]
    [InlineData("llama-adapter", KernelKind.Fast, ScalarType.BFloat16)]
    [InlineData("full", KernelKind.Reference, ScalarType.Float32)]
    public void Neither_the_calls_before_nor_their_shapes_change_a_bit(string name, KernelKind kernels, ScalarType type)
    {
        Assert.SkipWhen(type == ScalarType.BFloat16 && !FastKernels.HasBf16Products, "no instruction for products in bf16");
        DeterministicTorch.EnterWorkerThread(1);
        var config = RandomModels.Grouped with { Dim = 64, HeadDim = 16, Hidden = 160, Vocabulary = 500 };
        using var weights = RandomModels.Weights(config, type);
        var method = RandomModels.Method(name, config);
        var vector = RandomModels.Vector(method, weights);
        MicroBatch[] batches = [.. Enumerable.Range(1, 5).Select(size => Packed.Of([.. Enumerable.Range(1, size).Select(e =>
        {
            int[] tokens = [.. Enumerable.Range(0, 11 * e + size).Select(t => 1 + (t * t + e) % 499)];
            return new Packed.Example(tokens, tokens);
        })]))];
        string[] fresh = [.. batches.Select(batch => Digests([batch]).Single())];

        Assert.Equal(Enumerable.Repeat(fresh[2], 20), Digests(Enumerable.Repeat(batches[2], 20)));
        foreach (var round in Enumerable.Range(0, 4))
            Assert.Equal(fresh, Digests(batches));
        Assert.Equal(fresh.Length, fresh.Distinct().Count());

        // One replica, one after another.
        IEnumerable<string> Digests(IEnumerable<MicroBatch> batches)
        {
            using var replica = new Replica(weights, method, new TrainingSpec(), kernels);
            replica.Import(GradientTests.StateOf(vector));
            var gradient = new float[replica.Layout.Count];
            foreach (var batch in batches)
            {
                var loss = replica.Backward(batch, 1, gradient).LossSum;
                yield return $"{loss:r} {Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(gradient)))}";
            }
        }
    }

    [Fact]
    public unsafe void Scripts_are_not_rewritten_after_their_first_calls()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "another name there");
        DeterministicTorch.PrepareProcess();
        var torch = NativeLibrary.Load("LibTorchSharp", typeof(DeterministicTorch).Assembly, null);
        var profilingMode = (delegate* unmanaged<bool*>)NativeLibrary.GetExport(torch, "_ZN5torch3jit16getProfilingModeEv");
        Assert.False(*profilingMode());
    }
}
