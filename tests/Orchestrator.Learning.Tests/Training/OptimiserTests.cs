using CsCheck;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Jobs;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Training;

public class OptimiserTests
{
    [Theory]
    [InlineData(0.9, 0.95, 0.02)]
    [InlineData(0.9, 0.999, 0.0)]
    public void AdamW_is_PyTorchs(double beta1, double beta2, double decay)
    {
        var training = new TrainingSpec { Betas = [beta1, beta2], WeightDecay = decay };
        var random = new Protocol.Order.Counter(5);
        const int Count = 1001;     // no multiple of a vector
        var ours = Numbers(0, 1);
        float[] first = new float[Count], second = new float[Count];
        using var scope = NewDisposeScope();
        using var theirs = new TorchSharp.Modules.Parameter(tensor(ours));
        var optimizer = optim.AdamW([theirs], 0.01, beta1, beta2, eps: 1e-8, weight_decay: decay);
        var adamW = new AdamW(training);
        for (var step = 1; step <= 50; step++)
        {
            var rate = step == 1 ? 0 : 0.01 / step;
            var gradient = Numbers(step, step % 7 == 0 ? 1e-6 : 1);
            adamW.Update(step, rate, 1, decays: true, gradient, ours, first, second);
            foreach (var group in optimizer.ParamGroups)
                group.LearningRate = rate;
            theirs.grad = tensor(gradient);
            optimizer.step();
        }
        Close.Within(1e-6, Close.Error(theirs.detach(), tensor(ours)), "parameters");

        float[] Numbers(int step, double size) => [.. Enumerable.Range(0, Count).Select(i => (float)((random.Uniform(step * Count + i) - 0.5) * size))];
    }

    [Fact]
    public void An_element_does_not_feel_where_in_the_vector_it_stands()
        => Gen.Float[-1, 1].Array[1, 70].Sample(gradient =>
        {
            var adamW = new AdamW(new TrainingSpec());
            float[] Updated(float[] of)
            {
                float[] p = [.. of.Select(x => x * 3)], m = new float[of.Length], v = new float[of.Length];
                for (var step = 1; step <= 3; step++)
                    adamW.Update(step, 0.01, 0.5f, true, of, p, m, v);
                return p;
            }
            Assert.Equal(gradient.Select(x => Updated([x])[0]), Updated(gradient));
        }, iter: 200, threads: 1);

    [Fact]
    public void A_gradient_is_clipped_to_its_largest_norm_as_PyTorch_does()
    {
        Assert.Equal(5, GradientNorm.Of([3, 0, 4]));
        Assert.Equal(1f, GradientNorm.Scale(5, null));
        Assert.Equal(1f, GradientNorm.Scale(0.5, 1.0));
        Assert.Equal((float)(1 / (5 + 1e-6)), GradientNorm.Scale(5, 1.0));
        var large = Enumerable.Range(0, 1003).Select(i => MathF.Sin(i)).ToArray();
        Assert.Equal(Math.Sqrt(large.Sum(x => (double)x * x)), GradientNorm.Of(large), 1e-12);
    }
}
