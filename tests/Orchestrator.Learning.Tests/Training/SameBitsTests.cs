using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Jobs;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Training;

/// <summary>A gradient is a function of the replica's numbers and the micro-batch: not of the thread, its neighbours, or what was computed before.</summary>
public class SameBitsTests
{
    [Theory]
    [InlineData("llama-adapter", 1)]
    [InlineData("full", 2)]
    public void Workers_side_by_side_compute_the_same_bits_as_one_alone(string name, int threads)
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
            using var replica = new Replica(weights, method, new TrainingSpec { WeightDecay = 0.1 });
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
}
