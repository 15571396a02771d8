using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Tests.Training;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Jobs;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Adapters;

/// <summary>A method is one file: this one, which the project has never heard of, trains.</summary>
public class SeamTests
{
    [Fact]
    public void A_new_method_needs_nothing_but_itself()
    {
        using var weights = RandomModels.Weights(RandomModels.Tiny, ScalarType.Float32);
        using var before = weights[weights.List.Norm].clone();
        using var replica = new Replica(weights, new LastNormAndPrompt(weights.Config), new TrainingSpec());
        var batch = Packed.Of([new([1, 5, 9, 3, 7, 7, 2], [0, 0, 0, 3, 7, 7, 2])]);
        var gradient = new float[replica.Layout.Count];
        var first = replica.Backward(batch, 0.25, gradient).LossSum;
        Assert.All(gradient, value => Assert.NotEqual(0, value));
        for (var step = 0; step < 20; step++)
        {
            replica.Backward(batch, 0.25, gradient);
            replica.Update(gradient, 0.02);
        }
        Assert.True(replica.Backward(batch, 0.25, gradient).LossSum < first * 0.8);
        Assert.True(weights[weights.List.Norm].Equals(before), "the base was written to");
    }

    sealed class LastNormAndPrompt(LlamaConfig config) : IAdapter
    {
        readonly int lastNorm = new WeightList(config).Norm;

        public ParameterLayout Layout { get; } = new(
            new Parameter("norm.weight", [config.Dim], Decays: false, (weights, _, _, values) => weights[weights.List.Norm].data<float>().ToArray().CopyTo(values)),
            new Parameter("prompt", [2, config.Dim], Decays: true, StartsAt.Normal),
            new Parameter("factor", [1, 1, 1], Decays: true, (_, _, _, values) => values.Fill(0.5f)));

        public int LowestTrainedLayer => config.Layers - 1;

        public Prompt? Prompt(int layer, IReadOnlyList<Tensor> parameters) => layer < LowestTrainedLayer ? null : new Prompt(parameters[1], parameters[2]);

        public Tensor Weight(int index, Tensor frozen, IReadOnlyList<Tensor> parameters) => index == lastNorm ? parameters[0] : frozen;

        public IEnumerable<(string Name, long[] Shape, ReadOnlyMemory<float> Values)> ToFile(ReadOnlyMemory<float> vector) => throw new NotSupportedException();

        public float[] FromFile(IReadOnlyDictionary<string, Tensor> tensors, string place) => throw new NotSupportedException();
    }
}
