using Orchestrator.Engine;

namespace Orchestrator.Cli;

/// <summary>Tokens per second over the last steps.</summary>
sealed class RecentSpeed
{
    const int StepsMax = 20;
    readonly Queue<(long Tokens, double Seconds)> steps = new();

    /// <summary>The speed with one more step.</summary>
    public double After(StepReport step) => After(step.Line.Tokens, step.StepSeconds);

    /// <summary>The same of a step's tokens and its time.</summary>
    public double After(long tokens, double seconds)
    {
        steps.Enqueue((tokens, seconds));
        if (steps.Count > StepsMax)
            steps.Dequeue();
        var sum = steps.Sum(one => one.Seconds);
        return sum > 0 ? steps.Sum(one => one.Tokens) / sum : 0;
    }
}
