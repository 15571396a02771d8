using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Jobs;

/// <summary>The last things that happened to a job, numbered. Older ones are in the run's files.</summary>
sealed class NewsBoard
{
    const int KeptMax = 10_000;
    const int AnsweredMax = 1_000;

    readonly Queue<JobNews> kept = new();
    long number;

    public void Post(JobDecisionNews decision) => Post(new JobNews(0, Decision: decision));

    public void Post(StepReport step) => Post(new JobNews(0, Step: step));

    public void Post(EvaluationResult evaluation) => Post(new JobNews(0, Evaluation: evaluation));

    public void Post(Step checkpoint) => Post(new JobNews(0, Checkpoint: checkpoint));

    public IReadOnlyList<JobNews> After(long seen) => number <= seen ? [] : [.. kept.Where(news => news.Number > seen).Take(AnsweredMax)];

    void Post(JobNews what)
    {
        kept.Enqueue(what with { Number = ++number });
        if (kept.Count > KeptMax)
            kept.Dequeue();
    }
}
