using System.Globalization;
using System.Text.Json;
using CsCheck;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Order;

namespace Orchestrator.Protocol.Tests.Order;

public class LearningRateTests
{
    [Theory]
    [InlineData("reference/v1_tiny.safetensors")]
    [InlineData("reference/v1_all_layers.safetensors")]
    [InlineData("reference/methods/full.safetensors")]
    public void Every_step_has_the_rate_of_the_golden_run(string file)
    {
        var (about, golden) = Golden(Repository.Shared(file));
        var batch = int.Parse(about["batch"], CultureInfo.InvariantCulture);
        var training = new TrainingSpec
        {
            Epochs = int.Parse(about["epochs"], CultureInfo.InvariantCulture),
            GlobalBatchSize = batch,
            LearningRate = Number(about["lr"]),
            Schedule = about.GetValueOrDefault("schedule") == "cosine-steps" ? Schedule.CosineBySteps : Schedule.Cosine,
            WarmupEpochs = about.TryGetValue("warmup_epochs", out var epochs) ? Number(epochs) : null,
            WarmupSteps = about.TryGetValue("warmup_steps", out var steps) ? int.Parse(steps, CultureInfo.InvariantCulture) : 0,
        };
        var plan = Plans.Of(training, batch * int.Parse(about["steps_per_epoch"], CultureInfo.InvariantCulture));
        Assert.Equal(golden.Length, plan.Last.Number);
        for (var i = 0; i < golden.Length; i++)
            Assert.Equal(golden[i], LearningRate.At(plan, new Step(i + 1)), 1e-6 * plan.LearningRate);
    }

    [Fact]
    public void A_rate_rises_in_the_warm_up_falls_after_it_and_stays_between_its_bounds()
    {
        var plans = from schedule in Gen.OneOf(Schedule.Cosine, Schedule.CosineBySteps, Schedule.LinearBySteps)
                    from epochs in Gen.Int[1, 6]
                    from stepsPerEpoch in Gen.Int[1, 20]
                    from warmup in Gen.Double[0, 1]
                    select Plans.Of(new TrainingSpec
                    {
                        Epochs = epochs,
                        GlobalBatchSize = 2,
                        LearningRate = 0.01,
                        MinLearningRate = 0.001,
                        Schedule = schedule,
                        WarmupEpochs = warmup * epochs,
                        WarmupSteps = (int)(warmup * epochs * stepsPerEpoch),
                    }, stepsPerEpoch * 2);
        plans.Sample(plan =>
        {
            var rates = new List<double>();
            for (var step = new Step(1); step <= plan.Last; step = step.Next)
                rates.Add(LearningRate.At(plan, step));
            Assert.All(rates, rate => Assert.InRange(rate, 0, 0.01 * (1 + 1e-15)));
            var highest = rates.IndexOf(rates.Max());
            Assert.Equal(rates[..(highest + 1)].Order(), rates[..(highest + 1)]);
            Assert.Equal(rates[highest..].OrderDescending(), rates[highest..]);
        });
    }

    [Fact]
    public void The_defaults_are_the_originals()
    {
        var plan = Plans.Of(new TrainingSpec(), 52_002);
        Assert.Equal(9e-3 * 32 / 256, plan.LearningRate);
        Assert.Equal(2, plan.WarmupEpochs);
        Assert.Equal(0, LearningRate.At(plan, new Step(1)));
        Assert.Equal(1625 * 5, plan.Last.Number);
    }

    static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    // safetensors: the length of a JSON header, the header, raw tensors.
    static (Dictionary<string, string> About, float[] Rates) Golden(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var start = 8 + (int)BitConverter.ToInt64(bytes);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, start - 8));
        var about = header.RootElement.GetProperty("__metadata__").EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetString()!);
        var offsets = header.RootElement.GetProperty("train.lrs").GetProperty("data_offsets");
        var (from, to) = (offsets[0].GetInt32(), offsets[1].GetInt32());
        return (about, System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes.AsSpan(start + from, to - from)).ToArray());
    }
}
