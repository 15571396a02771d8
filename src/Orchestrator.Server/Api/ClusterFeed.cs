using System.Runtime.CompilerServices;
using Microsoft.Extensions.Hosting;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;
using V1 = Orchestrator.Api.V1;

namespace Orchestrator.Server.Api;

/// <summary>The cluster at one moment: every job, and every server.</summary>
sealed record ClusterView(IReadOnlyList<(JobEntry Entry, V1.Job Job)> Jobs, IReadOnlyList<SiloEntry> Silos);

/// <summary>
/// What there is in the cluster, again and again, for all who follow it: the grains are asked once for all of them, while there is at least one, and the less often the longer they take to answer. A
/// reader that is slow misses views, never the last.
/// </summary>
sealed class ClusterFeed(IGrainFactory grains, TimeProvider clock, IHostApplicationLifetime life)
{
    const int SnapshotsAtOnceMax = 16;
    const int ShareOfTime = 10;      // asking takes a tenth of the time at most

    static readonly TimeSpan soonest = TimeSpan.FromMilliseconds(500);

    readonly Lock mutex = new();
    TaskCompletionSource<ClusterView> next = New();
    ClusterView? last;
    int readers;
    bool isLooking;

    static TaskCompletionSource<ClusterView> New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>A job as queue and grain know it. One that no worker has seen yet has nothing to add to what the queue says of it.</summary>
    public async Task<V1.Job> Job(JobEntry entry, bool withSpec)
        => JobMapping.Of(entry, entry.Started is null ? null : await grains.GetGrain<IJobGrain>(entry.Key).Snapshot(), withSpec);

    /// <summary>Several, without their specs.</summary>
    public async Task<IReadOnlyList<V1.Job>> Jobs(IEnumerable<JobEntry> entries)
    {
        var jobs = new List<V1.Job>();
        foreach (var some in entries.Chunk(SnapshotsAtOnceMax))
            jobs.AddRange(await Task.WhenAll(some.Select(entry => Job(entry, withSpec: false))));
        return jobs;
    }

    /// <summary>The cluster as it is now, and then as it is each time that it was looked at.</summary>
    /// <exception cref="OperationCanceledException">the reader goes</exception>
    public async IAsyncEnumerable<ClusterView> Follow([EnumeratorCancellation] CancellationToken stop)
    {
        Task<ClusterView> coming;
        lock (mutex)
        {
            readers++;
            coming = last is { } known ? Task.FromResult(known) : next.Task;
            if (!isLooking)
                _ = Look();
            isLooking = true;
        }
        try
        {
            while (true)
            {
                var now = await coming.WaitAsync(stop);
                lock (mutex)
                    coming = ReferenceEquals(now, last) ? next.Task : Task.FromResult(last!);
                yield return now;
            }
        }
        finally
        {
            lock (mutex)
                readers--;
        }
    }

    // One runs while there are readers; what goes wrong is told to all of them.
    async Task Look()
    {
        while (true)
        {
            var since = clock.GetTimestamp();
            ClusterView? now = null;
            Exception? wrong = null;
            try
            {
                var scheduler = grains.GetGrain<ISchedulerGrain>(0);
                var entries = await scheduler.Jobs();
                now = new ClusterView([.. entries.Zip(await Jobs(entries))], await scheduler.Silos());
            }
#pragma warning disable CA1031 // here a loop ends; who reads is told
            catch (Exception e)
            {
                wrong = e;
            }
#pragma warning restore CA1031
            var took = clock.GetElapsedTime(since);
            lock (mutex)
            {
                var told = next;
                (next, last) = (New(), now ?? last);
                if (wrong is null)
                    told.SetResult(now!);
                else
                {
                    told.SetException(wrong);
                    _ = told.Task.Exception;      // nobody may have waited
                }
            }
            await Task.Delay(took * ShareOfTime > soonest ? took * ShareOfTime : soonest, clock);
            lock (mutex)
            {
                isLooking = readers > 0 && !life.ApplicationStopping.IsCancellationRequested;
                if (isLooking)
                    continue;
                last = null;
                return;
            }
        }
    }
}
