using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Tests.Training;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Adapters;

public class ZeroInitAttentionTests
{
    [Theory]
    [InlineData(GateSharing.PerHead, false)]
    [InlineData(GateSharing.Shared, false)]
    [InlineData(GateSharing.PerHead, true)]
    public void Logits_are_the_originals_with_equal_gates_and_with_gates_per_head(GateSharing gate, bool perHead)
    {
        using var golden = new Golden("methods/peft_adaption_prompt");
        using var weights = golden.Weights();
        using var model = new LlamaModel(weights);
        var method = Methods.Of(golden.Adapter with { Gate = gate }, golden.Config);
        var file = golden.Tensors("adapter0.");
        if (perHead)
        {
            foreach (var (name, tensor) in golden.Tensors("per_head.layers."))
                file["layers." + name] = tensor;
        }
        using var scope = NewDisposeScope();
        using var unrecorded = no_grad();
        using var adapter = BoundAdapter.Over(method, weights, tensor(method.FromFile(file, "golden")), trained: false);
        var logits = model.Logits(new PackedRows(golden.Batch(0, 4, allRows: true)), adapter);
        var lengths = golden.Values<long>("lengths");
        var expected = golden.Tensor(perHead ? "per_head.logits" : "first.logits");
        Close.Within(1e-5, Close.Error(cat([.. Enumerable.Range(0, 4).Select(b => expected[b].narrow(0, 0, lengths[b]))]), logits), "logits");
    }

    [Fact]
    public void The_released_shape_has_as_many_numbers_as_the_paper_says()
    {
        var llama7B = RandomModels.Tiny with { Dim = 4096, Layers = 32, Heads = 32, KeyValueHeads = 32, HeadDim = 128, Hidden = 11008, Vocabulary = 32000 };
        var method = Methods.Of(new AdapterSpec(), llama7B);
        Assert.Equal(1_229_760, method.Layout.Count);
        Assert.Equal(2, method.LowestTrainedLayer);
    }

    [Theory]
    [InlineData(GateSharing.PerHead)]
    [InlineData(GateSharing.Shared)]
    public void A_vector_comes_back_from_its_file_which_has_a_gate_for_every_layer(GateSharing gate)
    {
        using var scope = NewDisposeScope();
        var method = RandomModels.Method("llama-adapter", RandomModels.Tiny, gate);
        var vector = Enumerable.Range(0, method.Layout.Count).Select(i => MathF.Sin(i)).ToArray();
        var file = File(method, vector);
        Assert.Equal(["adapter_query.weight", "layers.0.attention.gate", "layers.1.attention.gate", "layers.2.attention.gate"], file.Keys);
        Assert.Equal([6, 16], file["adapter_query.weight"].shape);
        Assert.Equal([1, 4, 1, 1], file["layers.1.attention.gate"].shape);
        Assert.Equal(0, file["layers.0.attention.gate"].abs().max().item<float>());
        Assert.Equal(vector, method.FromFile(file, "adapter"));
    }

    [Fact]
    public void Everything_that_is_wrong_with_a_file_is_told_at_once()
    {
        using var scope = NewDisposeScope();
        var method = RandomModels.Method("llama-adapter", RandomModels.Tiny);
        var file = File(method, new float[method.Layout.Count]);
        file["adapter_query.weight"] = zeros(9, 16);
        file.Remove("layers.2.attention.gate");
        var told = Assert.Throws<ProblemException>(() => method.FromFile(file, "adapter.pth"));
        Assert.Equal(
        [
            "adapter.pth adapter_query.weight: [9, 16] found, [6, 16], adapter.layers 2 times adapter.length 3 rows expected",
            "adapter.pth layers.2.attention.gate: no such tensor found, [1, 4, 1, 1], one gate per head expected",
        ], told.Problems.Select(problem => problem.ToString()));
    }

    [Fact]
    public void Gates_that_differ_cannot_be_read_as_shared_ones()
    {
        using var scope = NewDisposeScope();
        var apart = RandomModels.Method("llama-adapter", RandomModels.Tiny);
        var file = File(apart, Enumerable.Range(0, apart.Layout.Count).Select(i => MathF.Sin(i)).ToArray());
        var told = Assert.Throws<ProblemException>(() => RandomModels.Method("llama-adapter", RandomModels.Tiny, GateSharing.Shared).FromFile(file, "adapter"));
        Assert.Equal(["adapter layers.1.attention.gate", "adapter layers.2.attention.gate"], told.Problems.Select(problem => problem.Place));
    }

    [Fact]
    public void The_sizes_of_a_trained_adapter_are_read_from_its_file_and_of_an_untrained_one_asked_for()
    {
        using var scope = NewDisposeScope();
        var method = RandomModels.Method("llama-adapter", RandomModels.Tiny);
        var trained = ZeroInitAttention.SpecOf(File(method, Enumerable.Range(0, method.Layout.Count).Select(i => MathF.Sin(i)).ToArray()), RandomModels.Tiny, "adapter");
        Assert.Equal((2, 3), (trained.Layers, trained.Length));
        var untrained = File(method, new float[method.Layout.Count]);
        var told = Assert.Throws<ProblemException>(() => ZeroInitAttention.SpecOf(untrained, RandomModels.Tiny, "adapter"));
        Assert.EndsWith("1 and 6, or 2 and 3, or 3 and 2 would fit", told.Message, StringComparison.Ordinal);
        Assert.Throws<ProblemException>(() => ZeroInitAttention.SpecOf(untrained, RandomModels.Tiny with { Dim = 32 }, "adapter"));
        Assert.Throws<ProblemException>(() => ZeroInitAttention.SpecOf(new Dictionary<string, Tensor>(), RandomModels.Tiny, "adapter"));
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(4, 3)]
    [InlineData(2, 0)]
    public void Sizes_that_do_not_fit_the_base_are_refused(int layers, int length)
        => Assert.Throws<ProblemException>(() => Methods.Of(new AdapterSpec { Layers = layers, Length = length }, RandomModels.Tiny));

    [Fact]
    public void A_method_that_does_not_exist_is_named()
        => Assert.Equal("adapter.method: lora found, one of llama-adapter, full expected",
            Assert.Throws<ProblemException>(() => Methods.Of(new AdapterSpec { Method = "lora" }, RandomModels.Tiny)).Message);

    static Dictionary<string, Tensor> File(IAdapter method, float[] vector)
        => method.ToFile(vector).ToDictionary(entry => entry.Name, entry => tensor(entry.Values.ToArray()).view(entry.Shape));
}
