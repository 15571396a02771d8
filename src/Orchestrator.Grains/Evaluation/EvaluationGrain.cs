using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Evaluation;

/// <inheritdoc cref="IEvaluationGrain"/>
[KeepAlive]
sealed partial class EvaluationGrain(Evaluator evaluator, ILogger<EvaluationGrain> log) : Grain, IEvaluationGrain
{
    readonly Dictionary<(Step, Generation), Task<EvaluationResult>> evaluations = [];

    /// <inheritdoc/>
    public Task Evaluate(JobAssignment job, Step step, Generation since)
    {
        if (!evaluations.TryGetValue((step, since), out var evaluation) || evaluation.IsFaulted)
            evaluations[(step, since)] = evaluation = evaluator.Evaluate(job, step);
        Tell(job, step, since, evaluation).Ignore();
        return Task.CompletedTask;
    }

    // Not part of the call: an evaluation takes minutes, a call does not.
    async Task Tell(JobAssignment job, Step step, Generation since, Task<EvaluationResult> evaluation)
    {
        try
        {
            var result = await evaluation;
            await GrainFactory.GetGrain<IJobGrain>(this.GetPrimaryKeyString()).Evaluated(result, since);
        }
        catch (OperationCanceledException)
        {
            // The process is going down.
        }
        catch (Exception e)
        {
            LogFailed(job.Name, step, e);
        }
    }

    [LoggerMessage(EventName = "EvaluationFailed", Level = LogLevel.Error, Message = "{Job}: the evaluation of step {Step} failed")]
    partial void LogFailed(string job, Step step, Exception exception);
}
