using CsCheck;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Kernels;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Tests.Training;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Jobs;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Kernels;

/// <summary>The written-out step is the reference's, which goes through autograd.</summary>
public class FrozenStepTests(ITestOutputHelper output)
{
    static readonly Dictionary<string, LlamaConfig> Configs = new()
    {
        ["tiny"] = RandomModels.Tiny,
        ["grouped, tied"] = RandomModels.Grouped,
        ["odd, scaled"] = RandomModels.Odd,
        ["one layer"] = RandomModels.Tiny with { Layers = 1 },
    };

    const double Tolerance = 1e-5;

    [Theory]
    [InlineData("tiny", 1, 3, GateSharing.PerHead, 1, false)]
    [InlineData("tiny", 3, 17, GateSharing.Shared, 2, true)]
    [InlineData("grouped, tied", 2, 6, GateSharing.Shared, 1, true)]
    [InlineData("grouped, tied", 2, 16, GateSharing.PerHead, 3, false)]
    [InlineData("odd, scaled", 2, 10, GateSharing.PerHead, 2, true)]
    [InlineData("odd, scaled", 3, 1, GateSharing.PerHead, 1, false)]
    [InlineData("one layer", 1, 5, GateSharing.PerHead, 2, true)]
    public void Loss_and_gradient_are_the_references(string shape, int layers, int length, GateSharing gate, int threads, bool wide)
    {
        DeterministicTorch.EnterWorkerThread(1);
        using var weights = RandomModels.Weights(Configs[shape], ScalarType.Float32);
        var method = (ZeroInitAttention)Methods.Of(new AdapterSpec { Layers = layers, Length = length, Gate = gate }, weights.Config);
        var vector = RandomModels.Vector(method, weights);
        using var reference = new Replica(weights, method, new TrainingSpec());
        reference.Import(GradientTests.StateOf(vector));
        using var fast = Step(weights, method, threads, wide);
        var (wanted, found) = (new float[vector.Length], new float[vector.Length]);
        var (worst, worstLoss) = (0.0, 0.0);
        PackingLawTests.Trees.Sample(batch =>
        {
            var wantedLoss = reference.Backward(batch, 1, wanted).LossSum;
            var loss = fast.Backward(batch, vector, found);
            Assert.Equal(loss, fast.Loss(batch, vector));
            worstLoss = Math.Max(worstLoss, Math.Abs(loss - wantedLoss) / wantedLoss);
            var off = Close.Error(wanted, found);
            worst = Math.Max(worst, off <= Tolerance ? off : Math.Min(off, Close.Error(Truth(batch), found)));      // where terms cancel, the reference's own rounding is as large
        }, iter: 60, threads: 1);
        output.WriteLine($"loss {worstLoss:g3}, gradient {worst:g3}");
        Close.Within(Tolerance, worstLoss, "loss");
        Close.Within(Tolerance, worst, "gradient");

        float[] Truth(MicroBatch batch)
        {
            var index = 0;
            using var exact = LlamaWeights.Load(weights.Config, (_, type) => weights[index++].to(type, copy: true), ScalarType.Float64, CPU);
            return Gradient(exact, method, KernelKind.Reference, vector, batch);
        }
    }

    [Theory]
    [InlineData("tiny")]
    [InlineData("grouped, tied")]
    [InlineData("odd, scaled")]
    public void In_bf16_it_is_no_further_from_fp64_than_twice_the_references_distance(string shape)
    {
        Assert.SkipWhen(!FastKernels.HasBf16Products, "no instruction for products in bf16");
        DeterministicTorch.EnterWorkerThread(1);
        using var narrow = RandomModels.Weights(Configs[shape], ScalarType.BFloat16);
        var index = 0;
        using var exact = LlamaWeights.Load(narrow.Config, (_, wanted) => narrow[index++].to(wanted, copy: true), ScalarType.Float64, CPU);
        var method = (ZeroInitAttention)Methods.Of(new AdapterSpec { Layers = 2, Length = 10 }, narrow.Config);
        var (fastSquares, referenceSquares) = (0.0, 0.0);
        var seed = 0L;
        Gen.Int[3, 40].Array[1, 6].Sample(lengths =>
        {
            var vector = RandomModels.Vector(method, narrow, seed++);
            var batch = Packed.Of([.. lengths.Select((length, e) => (int[])[.. Enumerable.Range(0, length).Select(t => 1 + (t * t + e + (int)seed) % 18)]).Select(tokens => new Packed.Example(tokens, tokens))]);
            var wanted = Gradient(exact, method, KernelKind.Reference, vector, batch);
            fastSquares += SquaredDistance(wanted, Gradient(narrow, method, KernelKind.Fast, vector, batch));
            referenceSquares += SquaredDistance(wanted, Gradient(narrow, method, KernelKind.Reference, vector, batch));
        }, iter: 25, threads: 1);
        output.WriteLine($"fast {Math.Sqrt(fastSquares / 25):g3}, reference {Math.Sqrt(referenceSquares / 25):g3}");
        Assert.InRange(Math.Sqrt(fastSquares), 0, 2 * Math.Sqrt(referenceSquares));
    }

    static float[] Gradient(LlamaWeights weights, ZeroInitAttention method, KernelKind kernels, float[] vector, MicroBatch batch)
    {
        using var replica = new Replica(weights, method, new TrainingSpec(), kernels);
        replica.Import(GradientTests.StateOf(vector));
        var gradient = new float[vector.Length];
        replica.Backward(batch, 1, gradient);
        return gradient;
    }

    // Relative to the norm.
    static double SquaredDistance(float[] wanted, float[] found)
        => wanted.Zip(found, (a, b) => (double)(a - b) * (a - b)).Sum() / wanted.Sum(a => (double)a * a);

    static IFrozenStep Step(LlamaWeights weights, ZeroInitAttention method, int threads, bool wide) => wide && System.Runtime.Intrinsics.Vector512.IsHardwareAccelerated
        ? new FrozenStep<Fp32, Lanes512>(weights, method, method.LowestTrainedLayer, threads)
        : new FrozenStep<Fp32, Lanes256>(weights, method, method.LowestTrainedLayer, threads);
}
