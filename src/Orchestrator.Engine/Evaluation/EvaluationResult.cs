using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine.Evaluation;

/// <summary>How a step's adapter does on the held-out records.</summary>
/// <param name="Step">whose adapter; step 0 is the start</param>
/// <param name="Loss">mean loss of their supervised tokens, in nats</param>
/// <param name="Tokens">how many those are</param>
/// <param name="Asked">records whose answer was generated</param>
/// <param name="Exact">answers that were right to the letter</param>
/// <param name="Answers">some of the answers</param>
/// <param name="Seconds">how long it took</param>
public sealed record EvaluationResult(Step Step, double Loss, long Tokens, int Asked, int Exact, IReadOnlyList<Answer> Answers, double Seconds)
{
    /// <summary>e to the loss.</summary>
    public double Perplexity => Math.Exp(Loss);
}

/// <summary>A question and what became of it.</summary>
/// <param name="Instruction">what was asked</param>
/// <param name="Input">the context that was given, or empty</param>
/// <param name="Expected">the record's answer</param>
/// <param name="Given">the generated answer</param>
/// <param name="IsExact">whether it is right, token for token</param>
public sealed record Answer(string Instruction, string Input, string Expected, string Given, bool IsExact);
