using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Grains.Evaluation;

/// <summary>The evaluations of this process: each once, told to its job when it is asked for again too. The result is a function of plan and step, so it may be told late or twice.</summary>
sealed partial class Evaluations(Evaluator evaluator, IGrainFactory grains, ILogger<Evaluations> log)
{
    const int KeptMax = 64;

    readonly Lock gate = new();
    readonly Dictionary<(string Job, JobDigests Digests, Step Step, Generation Since), Task<EvaluationResult?>> all = [];

    /// <summary>Begins an evaluation, unless it is under way or told already.</summary>
    public void Begin(JobAssignment job, Step step, Generation since)
    {
        lock (gate)
        {
            var key = (job.Name, job.Plan.Digests, step, since);
            if (all.TryGetValue(key, out var known) && !known.IsCompleted)
                return;
            if (all.Count >= KeptMax)
            {
                foreach (var old in all.Where(pair => pair.Value.IsCompleted).Select(pair => pair.Key).ToList())
                    all.Remove(old);
            }
            all[key] = Run(job, step, since, known?.Result is { } told ? Task.FromResult(told) : evaluator.Evaluate(job, step));
        }
    }

    async Task<EvaluationResult?> Run(JobAssignment job, Step step, Generation since, Task<EvaluationResult> evaluation)
    {
        EvaluationResult? result = null;
        try
        {
            result = await evaluation;
            await grains.GetGrain<IJobGrain>(job.Name).Evaluated(result, since);
        }
        catch (OperationCanceledException)
        {
            // The process is going down.
        }
        catch (Exception e)      // whoever wants it asks again, here or elsewhere
        {
            LogFailed(job.Name, step, e);
        }
        return result;
    }

    [LoggerMessage(EventName = "EvaluationFailed", Level = LogLevel.Error, Message = "{Job}: the evaluation of step {Step} failed, or could not be told")]
    partial void LogFailed(string job, Step step, Exception exception);
}
