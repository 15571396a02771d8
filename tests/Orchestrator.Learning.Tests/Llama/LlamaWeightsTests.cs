using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Tests.Training;
using Orchestrator.Protocol;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Llama;

public class LlamaWeightsTests
{
    [Fact]
    public void Weights_of_other_shapes_than_the_configuration_says_are_all_named()
    {
        var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var told = Assert.Throws<ProblemException>(() => LlamaWeights.Load(RandomModels.Tiny, (name, type) => name switch
        {
            "norm.weight" => zeros(8, dtype: type),
            "layers.1.attention.wk.weight" => zeros(8, 16, dtype: type),
            _ => Zeros(RandomModels.Tiny)(name, type),
        }, ScalarType.Float32, CPU));
        Assert.Equal(["layers.1.attention.wk.weight: [8, 16] found, [16, 16] expected", "norm.weight: [8] found, [16] expected"],
            told.Problems.Select(problem => problem.ToString().Split(';')[0]));
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Norms_stay_wide_beside_weights_of_half_precision_and_nothing_asks_for_a_gradient()
    {
        using var weights = LlamaWeights.Load(RandomModels.Grouped, Zeros(RandomModels.Grouped), ScalarType.BFloat16, CPU);
        Assert.Equal(ScalarType.Float32, weights[weights.List.Norm].dtype);
        Assert.Equal(ScalarType.BFloat16, weights[WeightList.Of(2, LayerWeight.W2)].dtype);
        Assert.All(Enumerable.Range(0, weights.List.Count), i => Assert.False(weights[i].requires_grad));
        Assert.Equal(WeightList.Embedding, weights.List.Output);
        Assert.Equal(Enumerable.Range(0, weights.List.Count).Sum(i => weights[i].NumberOfElements * (weights.List[i].Shape.Length == 1 ? 4 : 2)), weights.Bytes);
    }

    [Fact]
    public void A_tensor_of_the_right_type_is_kept_as_it_was_read_so_that_a_mapped_file_stays_one()
    {
        var read = new Dictionary<string, Tensor>();
        using var weights = LlamaWeights.Load(RandomModels.Tiny, (name, type) => read[name] = Zeros(RandomModels.Tiny)(name, type), ScalarType.Float32, CPU);
        for (var i = 0; i < weights.List.Count; i++)
            Assert.Same(read[weights.List[i].Name], weights[i]);
    }

    [Fact]
    public void Heads_that_cannot_be_grouped_or_turned_are_refused()
        => Assert.Equal(["n_kv_heads", "head_dim"],
            Assert.Throws<ProblemException>(() => LlamaWeights.Load(RandomModels.Tiny with { KeyValueHeads = 3, HeadDim = 5 }, Zeros(RandomModels.Tiny), ScalarType.Float32, CPU)).Problems.Select(p => p.Place));

    static Func<string, ScalarType, Tensor> Zeros(LlamaConfig config)
    {
        var list = new WeightList(config);
        var shapes = Enumerable.Range(0, list.Count).ToDictionary(i => list[i].Name, i => list[i].Shape);
        return (name, type) => zeros(shapes[name], dtype: type);
    }
}
