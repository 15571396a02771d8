using CsCheck;
using Orchestrator.Learning.Adapters;
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
            worst = Math.Max(worst, Close.Error(wanted, found));
        }, iter: 60, threads: 1);
        output.WriteLine($"loss {worstLoss:g3}, gradient {worst:g3}");
        Close.Within(1e-5, worstLoss, "loss");
        Close.Within(1e-5, worst, "gradient");
    }

    static IFrozenStep Step(LlamaWeights weights, ZeroInitAttention method, int threads, bool wide) => wide && System.Runtime.Intrinsics.Vector512.IsHardwareAccelerated
        ? new FrozenStep<Fp32, Lanes512>(weights, method, method.LowestTrainedLayer, threads)
        : new FrozenStep<Fp32, Lanes256>(weights, method, method.LowestTrainedLayer, threads);
}
