namespace Orchestrator.Grains.Jobs;

/// <summary>The last events of an activation, in memory: for a job that one process trains and watches.</summary>
sealed class NewsBoard : IJobEvents
{
    const int KeptMax = 10_000;
    const int AnsweredMax = 1_000;

    readonly Queue<JobNews> kept = new();
    long number;

    /// <inheritdoc/>
    public long LastStep { get; private set; }

    /// <inheritdoc/>
    public JobDecisionNews? LastDecision { get; private set; }

    /// <inheritdoc/>
    public IReadOnlyList<JobNews> After(long seen) => number <= seen ? [] : kept.Where(news => news.Number > seen).Take(AnsweredMax).ToArray();

    /// <inheritdoc/>
    public void Post(JobNews what)
    {
        kept.Enqueue(what with { Number = ++number });
        (LastStep, LastDecision) = (Math.Max(LastStep, what.Step?.Line.Step ?? 0), what.Decision ?? LastDecision);
        if (kept.Count > KeptMax)
            kept.Dequeue();
    }

    /// <inheritdoc/>
    public void Flush()
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
