using Orchestrator.Engine;

namespace Orchestrator.Cli;

/// <summary>Tokens per second over the last steps.</summary>
sealed class RecentSpeed
{
    const int StepsMax = 20;
    readonly Queue<(long Tokens, double Seconds)> steps = new();

    /// <summary>The speed with one more step.</summary>
    public double After(StepReport step)
    {
        steps.Enqueue((step.Line.Tokens, step.StepSeconds));
        if (steps.Count > StepsMax)
            steps.Dequeue();
        var seconds = steps.Sum(one => one.Seconds);
        return seconds > 0 ? steps.Sum(one => one.Tokens) / seconds : 0;
    }
}
