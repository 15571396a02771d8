using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Jobs;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Training;

/// <summary>The gradient is the derivative of the loss, and in lower precision nearly so.</summary>
public class GradientTests(ITestOutputHelper output)
{
    static readonly MicroBatch Batch = Packed.Of(
    [
        new([1, 5, 9, 3, 7, 7, 2], [0, 0, 0, 3, 7, 7, 2]),
        new([1, 4, 18, 11, 2], [0, 0, 18, 11, 2]),
        new([1, 8, 2], [0, 0, 2]),
    ]);

    [Theory]
    [InlineData("llama-adapter", GateSharing.PerHead)]
    [InlineData("llama-adapter", GateSharing.Shared)]
    [InlineData("full", GateSharing.PerHead)]
    public void The_gradient_is_what_finite_differences_in_fp64_say(string name, GateSharing gate)
    {
        using var weights = RandomModels.Weights(RandomModels.Grouped, ScalarType.Float64);
        using var model = new LlamaModel(weights);
        var method = RandomModels.Method(name, weights.Config, gate);
        using var adapter = RandomModels.Bound(method, weights, RandomModels.Vector(method, weights));
        using var scope = NewDisposeScope();
        var gradient = autograd.grad([Loss()], [.. adapter.Parameters]);
        for (var i = 0; i < method.Layout.Parameters; i++)
        {
            // Along a direction in which the loss changes: the gradient's own.
            var direction = gradient[i] / gradient[i].norm();
            var slope = (At(i, direction * 1e-5) - At(i, direction * -1e-5)) / 2e-5;
            var norm = gradient[i].norm().ToDouble();
            Assert.True(norm > 1e-6, $"{method.Layout[i].Name} has no gradient");
            Close.Within(1e-6, Math.Abs(slope - norm) / norm, method.Layout[i].Name);
        }

        Tensor Loss() => SupervisedLoss.Sum(model.Logits(new PackedRows(Batch), adapter), Batch.Labels.Span);

        double At(int parameter, Tensor offset)
        {
            using var unrecorded = no_grad();
            adapter.Parameters[parameter].add_(offset);
            var loss = Loss().ToDouble();
            adapter.Parameters[parameter].sub_(offset);
            return loss;
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32, 1e-5)]
    [InlineData(ScalarType.BFloat16, 4e-2)]
    [InlineData(ScalarType.Float16, 5e-3)]
    public void In_lower_precision_loss_and_gradient_are_as_near_to_fp64_as_the_type_can_be(ScalarType type, double tolerance)
    {
        // The same numbers in all types: those that bf16 can hold.
        using var exact = RandomModels.Weights(RandomModels.Grouped, ScalarType.BFloat16);
        using var fp64 = Retyped(exact, ScalarType.Float64);
        using var lower = Retyped(exact, type);
        var (wantedLoss, wanted) = Gradient(fp64);
        var (loss, found) = Gradient(lower);
        output.WriteLine($"{type}: loss {Math.Abs(loss - wantedLoss) / wantedLoss:g3}, gradient {Close.Error(wanted, found):g3}");
        Close.Within(tolerance / 4, Math.Abs(loss - wantedLoss) / wantedLoss, "loss");
        Close.Within(tolerance, Close.Error(wanted, found), "gradient");

        static LlamaWeights Retyped(LlamaWeights weights, ScalarType type)
        {
            var index = 0;
            return LlamaWeights.Load(weights.Config, (_, wanted) => weights[index++].to(wanted, copy: true), type, CPU);
        }

        static (double Loss, float[] Gradient) Gradient(LlamaWeights weights)
        {
            var method = RandomModels.Method("llama-adapter", weights.Config);
            using var replica = new Replica(weights, method, new TrainingSpec());
            replica.Import(StateOf(RandomModels.Vector(method, weights)));
            var gradient = new float[method.Layout.Count];
            return (replica.Backward(Batch, 1, gradient).LossSum, gradient);
        }
    }

    [Fact]
    public void Below_the_lowest_adapted_layer_nothing_is_recorded()
    {
        using var weights = RandomModels.Weights(RandomModels.Tiny, ScalarType.Float32);
        using var model = new LlamaModel(weights);
        var method = new ActsTooLow(weights.Config);
        using var adapter = RandomModels.Bound(method, weights, RandomModels.Vector(method, weights));
        using var scope = NewDisposeScope();
        var loss = SupervisedLoss.Sum(model.Logits(new PackedRows(Batch), adapter), Batch.Labels.Span);
        var parameters = adapter.Parameters.ToArray();
        var gradients = autograd.grad([loss], parameters, allow_unused: true);
        Assert.Equal(["layers.1.adapter_query", "layers.1.attention.gate"], Enumerable.Range(0, parameters.Length).Where(i => gradients[i] is null || gradients[i].IsInvalid).Select(i => method.Layout[i].Name));
    }

    [Fact]
    public void A_micro_batch_without_a_label_has_no_loss_and_a_gradient_of_zeros()
    {
        using var weights = RandomModels.Weights(RandomModels.Tiny, ScalarType.Float32);
        using var replica = new Replica(weights, RandomModels.Method("llama-adapter", weights.Config), new TrainingSpec());
        var gradient = Enumerable.Repeat(1f, replica.Layout.Count).ToArray();
        Assert.Equal(new BackwardResult(0, 0), replica.Backward(Packed.Of([new([1, 5, 9], [0, 0, 0])]), 1, gradient));
        Assert.All(gradient, value => Assert.Equal(0, value));
    }

    internal static ReplicaState StateOf(float[] vector)
    {
        var state = new ReplicaState(vector.Length);
        vector.CopyTo(state.Parameters, 0);
        return state;
    }

    // Acts in the layer below the one that it names as its lowest, too.
    sealed class ActsTooLow(LlamaConfig config) : IAdapter
    {
        readonly ZeroInitAttention prompts = new(new AdapterSpec { Layers = 2, Length = 3 }, config);

        public ParameterLayout Layout => prompts.Layout;

        public int LowestTrainedLayer => prompts.LowestTrainedLayer + 1;

        public Prompt? Prompt(int layer, IReadOnlyList<Tensor> parameters) => prompts.Prompt(layer, parameters);

        public IEnumerable<(string Name, long[] Shape, ReadOnlyMemory<float> Values)> ToFile(ReadOnlyMemory<float> vector) => throw new NotSupportedException();

        public float[] FromFile(IReadOnlyDictionary<string, Tensor> tensors, string place) => throw new NotSupportedException();
    }
}
