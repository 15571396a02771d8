using Orchestrator.Protocol.Ledger;
using Orchestrator.Protocol.Order;

namespace Orchestrator.Engine;

/// <summary>What a step in force writes down, whoever computed it.</summary>
static class CommittedStep
{
    /// <summary>The ledger's line of a step.</summary>
    /// <param name="step">what it computed</param>
    /// <param name="lossSum">sum of its token losses, over the canonical tree</param>
    /// <param name="norm">L2 norm of its gradient, before clipping</param>
    /// <param name="learningRate">of its update</param>
    /// <param name="parameters">SHA-256 of the numbers after it</param>
    public static LedgerLine LineOf(StepPlan step, double lossSum, double norm, double learningRate, string parameters) => new()
    {
        Step = step.Step.Number,
        Epoch = step.Epoch,
        Loss = MeanLoss(lossSum, step.SupervisedTokens),
        LearningRate = learningRate,
        GradientNorm = norm,
        Tokens = step.Tokens,
        Supervised = step.SupervisedTokens,
        Samples = step.Samples.ToArray(),
        Parameters = parameters,
    };

    /// <summary>Mean loss of a step's supervised tokens, in nats; 0 without any.</summary>
    public static double MeanLoss(double lossSum, long supervisedTokens) => supervisedTokens == 0 ? 0 : lossSum / supervisedTokens;
}
