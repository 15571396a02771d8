using Orchestrator.Grains.Jobs;

namespace Orchestrator.Grains.Scheduling;

/// <content>How long the queue is, and how long jobs wait in it.</content>
sealed partial class SchedulerGrain
{
    readonly HashSet<string> unstarted = [];

    void Measure()
    {
        var waiting = Record.Jobs.Where(job => !job.IsOver && job.Wish == JobWish.Run && job.Leased.Count == 0).ToList();
        var never = waiting.Where(job => job.Started is null).ToList();
        metrics.QueueIs((waiting.Count, never.Count == 0 ? TimeSpan.Zero : clock.GetUtcNow() - never.Min(job => job.Submitted)));
        metrics.QuarantinedAre(Record.Quarantined.Count);
        foreach (var job in Record.Jobs)
        {
            if (job.Started is null && !job.IsOver)
                unstarted.Add(job.Key);
            else if (unstarted.Remove(job.Key) && job.Started is { } started)
                metrics.JobStarted(started - job.Submitted);
        }
    }
}
