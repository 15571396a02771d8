using System.Runtime.CompilerServices;
using Orchestrator.Grains;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;

namespace Orchestrator.Server.Api;

/// <summary>
/// What happens to a job, in the order of its numbers and without a gap, whoever holds its grain. The grain is asked again and again; what it tells lies in the run's folder, so that an activation on
/// another server goes on counting where the one before ended. A reader that is slow is asked for less: at most one answer of the grain is held for it.
/// </summary>
sealed class JobFeed(IGrainFactory grains, TimeProvider clock)
{
    /// <summary>Between two questions while things happen, and while nothing does.</summary>
    static readonly TimeSpan soonest = TimeSpan.FromMilliseconds(50), latest = TimeSpan.FromSeconds(1);

    /// <summary>How long a grain that cannot be reached is asked before the reader is told: a few times what it takes to be back elsewhere.</summary>
    static readonly TimeSpan patience = TimeSpan.FromSeconds(20);

    /// <summary>Events after <paramref name="after"/>, until the job is over.</summary>
    public IAsyncEnumerable<JobNews> Events(JobAddress job, long after, CancellationToken stop)
        => Follow<JobNews>(job, after, grain => grain.News, news => news.Number, gapless: true, stays: true, stop);

    /// <summary>Lines of the log after <paramref name="after"/>: until the job is over, or those that are there.</summary>
    public IAsyncEnumerable<JobLogLine> Lines(JobAddress job, long after, bool follow, CancellationToken stop)
        => Follow<JobLogLine>(job, after, grain => grain.Logs, line => line.Number, gapless: false, follow, stop);

    async IAsyncEnumerable<T> Follow<T>(
        JobAddress job, long after, Func<IJobGrain, Func<long, Task<IReadOnlyList<T>>>> question, Func<T, long> number, bool gapless, bool stays, [EnumeratorCancellation] CancellationToken stop)
    {
        var grain = grains.GetGrain<IJobGrain>(job.Key);
        var (wait, isOver) = (soonest, false);
        while (true)
        {
            var found = await Patiently(() => question(grain)(after), stop);
            foreach (var one in found)
            {
                if (gapless && number(one) != after + 1)
                    throw new UnavailableException($"what happened after number {after} cannot be read just now");
                after = number(one);
                yield return one;
            }
            if (found.Count > 0)
                wait = soonest;
            else if (isOver || !stays)
                yield break;
            else if (await IsOver(job, stop))
                isOver = true;      // once more: its last words may have come since
            else
            {
                await Task.Delay(wait, clock, stop);
                wait = wait * 2 < latest ? wait * 2 : latest;
            }
        }
    }

    async Task<bool> IsOver(JobAddress job, CancellationToken stop)
        => await Patiently(() => grains.GetGrain<ISchedulerGrain>(0).Find(job.Key), stop) is not { } entry ? throw Refusals.NoJob(job) : JobMapping.IsOver(entry.Stage);

    // An answer that is late or lost is asked for again: questions change nothing.
    async Task<T> Patiently<T>(Func<Task<T>> question, CancellationToken stop)
    {
        var since = clock.GetTimestamp();
        while (true)
        {
            try
            {
                return await question().WaitAsync(stop);
            }
            catch (Exception e) when (e is OrleansException or TimeoutException or UnavailableException && clock.GetElapsedTime(since) < patience)
            {
                await Task.Delay(soonest, clock, stop);
            }
        }
    }
}
