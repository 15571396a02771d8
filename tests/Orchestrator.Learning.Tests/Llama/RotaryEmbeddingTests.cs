using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Tests.Training;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Llama;

public class RotaryEmbeddingTests
{
    [Fact]
    public void Neighbours_are_turned_by_position_times_frequency()
    {
        var config = RandomModels.Tiny with { HeadDim = 4, RopeTheta = 500_000 };
        using var rotary = new RotaryEmbedding(config, ScalarType.Float64, CPU);
        using var scope = NewDisposeScope();
        int[] positions = [0, 3, 1000];
        var x = tensor(Enumerable.Range(0, 24).Select(i => Math.Sin(i)).ToArray()).view(3, 2, 4);
        var turned = LlamaScript.Call("turned", x, rotary.Table(1001).index_select(0, tensor(positions)).unsqueeze(1), (int)ScalarType.Float64);
        for (var row = 0; row < 3; row++)
            for (var head = 0; head < 2; head++)
                for (var i = 0; i < 2; i++)
                {
                    var angle = positions[row] * Math.Pow(500_000, -i / 2.0);
                    var (a, b) = (x[row, head, 2 * i].item<double>(), x[row, head, 2 * i + 1].item<double>());
                    Assert.Equal(a * Math.Cos(angle) - b * Math.Sin(angle), turned[row, head, 2 * i].item<double>(), 1e-12);
                    Assert.Equal(a * Math.Sin(angle) + b * Math.Cos(angle), turned[row, head, 2 * i + 1].item<double>(), 1e-12);
                }
    }

    [Fact]
    public void Llama_3_1_keeps_fast_turns_slows_slow_ones_eightfold_and_blends_between()
    {
        var plain = RandomModels.Tiny with { HeadDim = 128, RopeTheta = 500_000 };
        var before = RotaryEmbedding.Frequencies(plain);
        var scaled = RotaryEmbedding.Frequencies(plain with { RopeScaling = new RopeScaling(8, 1, 4, 8192) });
        for (var i = 0; i < before.Length; i++)
        {
            var wavelength = 2 * Math.PI / before[i];
            if (wavelength < 8192 / 4.0)
                Assert.Equal(before[i], scaled[i]);
            else if (wavelength > 8192)
                Assert.Equal(before[i] / 8, scaled[i]);
            else
            {
                var smooth = (8192 / wavelength - 1) / (4 - 1);
                Assert.Equal((1 - smooth) * before[i] / 8 + smooth * before[i], scaled[i], 1e-15);
                Assert.InRange(scaled[i], before[i] / 8, before[i]);
            }
        }
        Assert.Contains(Enumerable.Range(0, 64), i => scaled[i] > before[i] / 8 * 1.01 && scaled[i] < before[i] * 0.99);
    }
}
