namespace Orchestrator.Grains.Jobs;

/// <summary>A job's events as lines of text.</summary>
static class JobLog
{
    public static JobLogLine Line(JobNews news) => new(news.Number, news.At, news switch
    {
        { Decision: { } decision } => $"{decision.Stage.ToString().ToLowerInvariant()}: {decision.Reason}",
        { Step: { } step } => $"step {step.Line.Step} of {news.Steps}: loss {step.Line.Loss:F4}, {step.Line.Tokens} tokens in {step.StepSeconds:F3} s on {news.Workers} workers",
        { Evaluation: { } evaluation } => $"step {evaluation.Step.Number} evaluated: loss {evaluation.Loss:F4}{(evaluation.Asked > 0 ? $", {evaluation.Exact} of {evaluation.Asked} answers exact" : "")}",
        { Checkpoint: { } checkpoint } => $"checkpoint of step {checkpoint.Number} is on disk",
        _ => "",
    });
}
