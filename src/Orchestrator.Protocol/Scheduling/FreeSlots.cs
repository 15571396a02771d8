using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Protocol.Scheduling;

/// <summary>The workers of a cluster while leases are decided on: which are taken, and which of the free ones a job gets.</summary>
sealed class FreeSlots
{
    readonly SortedDictionary<string, QueueSilo> silos = new(StringComparer.Ordinal);
    readonly Dictionary<WorkerId, string> taken = [];      // by a lease of this decision
    readonly Dictionary<WorkerId, string> held = [];       // by a job that has not let go

    public FreeSlots(IEnumerable<QueueSilo> all)
    {
        foreach (var silo in all)
            silos[silo.Silo] = silo;
    }

    public IEnumerable<QueueSilo> Silos => silos.Values;

    public void Hold(string job, IEnumerable<WorkerId> workers)
    {
        foreach (var worker in workers)
            held.TryAdd(worker, job);
    }

    /// <summary>Takes what a job keeps; what somebody before it has already is struck from its list.</summary>
    public void Take(string job, List<WorkerId> workers) => workers.RemoveAll(worker => !taken.TryAdd(worker, job));

    public string? DeviceOf(WorkerId worker) => silos.GetValueOrDefault(worker.Silo)?.Device;

    public bool MayStay(QueuedJob job, WorkerId worker)
        => silos.TryGetValue(worker.Silo, out var silo) && silo.Use != SiloUse.Leaving && worker.Slot >= 0 && worker.Slot < silo.Slots && !silo.Quarantined.Contains(worker.Slot)
            && JobQueue.Suits(job, silo.Device) && !job.Lacks.ContainsKey(worker.Silo);

    /// <summary>The devices that a job may run on, in the order in which they are tried: the one it had, GPUs, the others.</summary>
    public IEnumerable<string> DevicesFor(QueuedJob job)
    {
        var had = job.Leased.Select(DeviceOf).FirstOrDefault();
        return silos.Values.Select(silo => silo.Device).Distinct().Where(device => JobQueue.Suits(job, device))
            .OrderByDescending(device => device == had).ThenByDescending(device => device.StartsWith("cuda", StringComparison.Ordinal)).ThenBy(device => device, StringComparer.Ordinal);
    }

    /// <summary>Free workers of a device that a job could have.</summary>
    public int CountFree(QueuedJob job, string device) => silos.Values.Where(silo => silo.Device == device).Sum(silo => FreeOf(job, silo).Count);

    /// <summary>Workers of a device that a job could have if everybody else were gone.</summary>
    public int CountAll(QueuedJob job, string device)
        => silos.Values.Where(silo => silo.Device == device && silo.Use == SiloUse.Open && !job.Lacks.ContainsKey(silo.Silo)).Sum(silo => UsableOf(silo).Count());

    /// <summary>The jobs that have workers of a device which <paramref name="job"/> could use.</summary>
    public IEnumerable<(string Job, int Workers)> HoldersOf(QueuedJob job, string device)
        => silos.Values.Where(silo => silo.Device == device && silo.Use == SiloUse.Open && !job.Lacks.ContainsKey(silo.Silo))
            .SelectMany(silo => UsableOf(silo).Select(Holder))
            .OfType<string>().Where(holder => holder != job.Key).CountBy(holder => holder).Select(pair => (pair.Key, pair.Value));

    static IEnumerable<WorkerId> UsableOf(QueueSilo silo) => Enumerable.Range(0, silo.Slots).Where(slot => !silo.Quarantined.Contains(slot)).Select(slot => new WorkerId(silo.Silo, slot));

    string? Holder(WorkerId worker) => taken.GetValueOrDefault(worker) ?? held.GetValueOrDefault(worker);

    List<WorkerId> FreeOf(QueuedJob job, QueueSilo silo)
        => silo.Use != SiloUse.Open || !JobQueue.Suits(job, silo.Device) || job.Lacks.ContainsKey(silo.Silo) ? []
            : [.. UsableOf(silo).Where(worker => !taken.ContainsKey(worker) && held.GetValueOrDefault(worker, job.Key) == job.Key)];

    /// <summary>
    /// Takes up to <paramref name="count"/> free workers of a device for a job, on few silos: first where it has some, then the smallest silo that has enough, then the one that has most.
    /// </summary>
    public List<WorkerId> Pick(QueuedJob job, int count, string? device, IReadOnlyList<WorkerId> beside)
    {
        var picked = new List<WorkerId>();
        var free = silos.Values.Where(silo => silo.Device == device).Select(silo => (silo.Silo, Workers: FreeOf(job, silo))).Where(silo => silo.Workers.Count > 0).ToList();
        while (picked.Count < count && free.Count > 0)
        {
            var missing = count - picked.Count;
            var next = free.OrderByDescending(silo => beside.Count(worker => worker.Silo == silo.Silo))
                .ThenBy(silo => silo.Workers.Count >= missing ? silo.Workers.Count : int.MaxValue).ThenByDescending(silo => silo.Workers.Count)
                .ThenBy(silo => silo.Silo, StringComparer.Ordinal).First();
            free.Remove(next);
            picked.AddRange(next.Workers.OrderByDescending(worker => beside.Contains(worker)).ThenBy(worker => worker).Take(missing));
        }
        foreach (var worker in picked)
            taken.Add(worker, job.Key);
        return picked;
    }
}
