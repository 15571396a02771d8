using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.World.Bases;

/// <summary>
/// Makes the base: every weight is trained on the chronicle. The facts come late and suddenly, after about half of the steps; a run is not to be judged before.
/// </summary>
public static class Pretraining
{
    /// <summary>Updates: 5.3 million tokens.</summary>
    public const int Steps = 2_600;

    const int WarmupSteps = 100;
    const int DecayFrom = Steps / 2;
    const double HighestRate = 3e-3;
    const double LowestShare = 0.02;

    /// <summary>Trains from <paramref name="start"/>, with one thread, on the processor.</summary>
    /// <param name="start">the weights before the first step</param>
    /// <param name="text">the rows, taken one step after another</param>
    /// <param name="report">called after each step with its number and its loss per token in nats</param>
    /// <returns>the trained numbers, in the order of the weights' list</returns>
    public static float[] Run(LlamaWeights start, TextRows text, Action<int, double> report)
    {
        DeterministicTorch.EnterWorkerThread(threads: 1);
        var training = new TrainingSpec { WeightDecay = 0.1, Betas = [0.9, 0.95], GradientClip = 1.0 };
        using var replica = new Replica(start, new FullFineTuning(start.Config), training);
        var gradient = new float[replica.Layout.Count];
        for (var step = 1; step <= Steps; step++)
        {
            var batch = text.Next();
            var result = replica.Backward(batch, 1.0 / batch.Supervised, gradient);
            replica.Update(gradient, RateOf(step));
            report(step, result.LossSum / result.SupervisedTokens);
        }
        return replica.Parameters.ToArray();
    }

    /// <summary>Learning rate of a step, from 1: a linear warm-up, the highest rate until half of the steps, then half a cosine; all by steps.</summary>
    static double RateOf(int step)
    {
        var decayed = Math.Max(0, (double)(step - DecayFrom) / (Steps - DecayFrom));
        var share = LowestShare + (1 - LowestShare) * (1 + Math.Cos(Math.PI * decayed)) / 2;
        return HighestRate * share * Math.Min(1, (double)step / WarmupSteps);
    }
}
