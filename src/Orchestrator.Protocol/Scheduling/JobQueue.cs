using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Scheduling;

/// <summary>
/// Who computes for whom, as a pure function: first come, first served, in whole gangs. A job that began is refilled before another one begins, and runs on with what it has meanwhile; a small
/// job may pass one that waits for more workers than are free; all workers of a job are of one device; a lease is not moved without need. Later rules (priorities, quotas, preemption) are
/// other orders of the same passes.
/// </summary>
public static class JobQueue
{
    /// <summary>Decides for every job.</summary>
    /// <param name="jobs">those that are not over, in the order in which they came</param>
    /// <param name="silos">those that live</param>
    /// <returns>a lease for each job, in the same order</returns>
    public static IReadOnlyList<JobLease> Decide(IReadOnlyList<QueuedJob> jobs, IReadOnlyList<QueueSilo> silos)
    {
        ArgumentNullException.ThrowIfNull(jobs);
        ArgumentNullException.ThrowIfNull(silos);
        var cluster = new FreeSlots(silos);
        foreach (var job in jobs)
            cluster.Hold(job.Key, job.Held);

        var leases = jobs.ToDictionary(job => job.Key, job => Kept(job, cluster));
        foreach (var job in jobs)
            cluster.Take(job.Key, leases[job.Key]);
        foreach (var job in jobs.Where(job => job.IsWanted && job.IsStarted))
            leases[job.Key].AddRange(cluster.Pick(job, job.Workers - leases[job.Key].Count, DeviceOf(job, leases[job.Key], cluster) ?? cluster.DevicesFor(job).FirstOrDefault(), leases[job.Key]));
        foreach (var job in jobs.Where(job => job.IsWanted && !job.IsStarted && leases[job.Key].Count == 0))
            leases[job.Key].AddRange(Gang(job, cluster));

        var reasons = new QueueReasons(jobs, leases, cluster);
        var position = 0;
        return
        [
            .. jobs.Select(job => new JobLease(job.Key, [.. leases[job.Key].Order()],
                job.IsWanted && leases[job.Key].Count == 0 ? ++position : 0, reasons.Of(job))),
        ];
    }

    // What it may keep of what it had: what is still there, of one device, and before it begins all or nothing.
    static List<WorkerId> Kept(QueuedJob job, FreeSlots cluster)
    {
        if (!job.IsWanted)
            return [];
        var usable = job.Leased.Where(worker => cluster.MayStay(job, worker)).Distinct().Order().ToList();
        var device = job.Device ?? (usable.Count > 0 ? cluster.DeviceOf(usable[0]) : null);
        usable.RemoveAll(worker => cluster.DeviceOf(worker) != device);
        if (!job.IsStarted && usable.Count < job.Workers)
            return [];
        // It gives back where it has least, so that it ends up on few silos.
        return [.. usable.GroupBy(worker => worker.Silo).OrderByDescending(silo => silo.Count()).ThenBy(silo => silo.Key, StringComparer.Ordinal).SelectMany(silo => silo).Take(job.Workers)];
    }

    static List<WorkerId> Gang(QueuedJob job, FreeSlots cluster)
    {
        foreach (var device in cluster.DevicesFor(job))
        {
            if (cluster.CountFree(job, device) >= job.Workers)
                return cluster.Pick(job, job.Workers, device, job.Leased);
        }
        return [];
    }

    static string? DeviceOf(QueuedJob job, List<WorkerId> kept, FreeSlots cluster) => job.Device ?? (kept.Count > 0 ? cluster.DeviceOf(kept[0]) : null);

    /// <summary>Whether a device is of the kind that a spec demands.</summary>
    internal static bool Suits(QueuedJob job, string device) => job.Device is { } own ? own == device
        : job.Needs switch { DeviceKind.Cpu => device.StartsWith("cpu", StringComparison.Ordinal), DeviceKind.Cuda => device.StartsWith("cuda", StringComparison.Ordinal), _ => true };
}
