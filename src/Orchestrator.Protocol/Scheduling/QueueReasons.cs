using System.Globalization;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Scheduling;

/// <summary>Why a job has the workers it has, and what would give it others, for a person.</summary>
sealed class QueueReasons(IReadOnlyList<QueuedJob> jobs, IReadOnlyDictionary<string, List<WorkerId>> leases, FreeSlots cluster)
{
    const int NamedMax = 3;

    public string Of(QueuedJob job)
    {
        var has = leases[job.Key].Count;
        return !job.IsWanted ? "paused by its user; it queues at its old place once it is resumed"
            : has >= job.Workers ? $"has its {Workers(has)}"
            : has > 0 ? $"has {has} of {Workers(job.Workers)}; {Missing(job, job.Workers - has)}"
            : $"waits for {Workers(job.Workers)} of {Kind(job)}; {Missing(job, job.Workers)}";
    }

    string Missing(QueuedJob job, int missing)
    {
        var devices = cluster.DevicesFor(job).ToList();
        if (devices.Count == 0)
            return (cluster.Silos.Any() ? $"no server computes on {Kind(job)}" : "no server is there") + "; add one";
        var device = devices.MaxBy(device => (cluster.CountFree(job, device), cluster.CountAll(job, device)))!;
        var (free, all) = (cluster.CountFree(job, device), cluster.CountAll(job, device));
        var parts = new List<string> { free == 0 ? $"none {(leases[job.Key].Count > 0 ? "more " : "")}is free" : $"{free} {(free == 1 ? "is" : "are")} free" };
        var most = devices.Max(device => cluster.CountAll(job, device));
        if (most < job.Workers)
            parts.Add(most == 0 ? "no server can take it as things are: add one that can" : $"there are {most} in all: scale it to {most}, or add {Workers(job.Workers - most)}");
        else if (cluster.HoldersOf(job, device).ToList() is { Count: > 0 } holders)
            parts.Add($"{List(holders.Select(holder => $"{Named(holder.Job, job)} has {holder.Workers}"))}: {(free == 0 || job.IsStarted ? "it goes on" : $"it starts")} when {missing - Math.Min(free, missing)} more come free{(free > 0 && !job.IsStarted ? $", or when it is scaled to {free}" : "")}");
        var ahead = jobs.TakeWhile(other => other.Key != job.Key).Where(other => other.IsWanted && leases[other.Key].Count == 0).Select(other => $"{Named(other.Key, job)} for {other.Workers}").ToList();
        if (ahead.Count > 0 && leases[job.Key].Count == 0)
            parts.Add($"ahead of it {(ahead.Count == 1 ? "waits" : "wait")} {List(ahead)}");
        var cordoned = cluster.Silos.Where(silo => silo.Use != SiloUse.Open && JobQueue.Suits(job, silo.Device)).Select(silo => silo.Silo).ToList();
        if (cordoned.Count > 0)
            parts.Add($"{List(cordoned)} {(cordoned.Count == 1 ? "is" : "are")} cordoned or leaving");
        var wrong = cluster.Silos.Where(silo => JobQueue.Suits(job, silo.Device)).SelectMany(silo => silo.Quarantined.Order().Select(slot => $"{new WorkerId(silo.Silo, slot)}")).ToList();
        if (wrong.Count > 0)
            parts.Add($"{List(wrong)} {(wrong.Count == 1 ? "is" : "are")} quarantined");
        parts.AddRange(job.Lacks.OrderBy(lack => lack.Key, StringComparer.Ordinal).Take(NamedMax).Select(lack => $"{lack.Key} cannot take part: {lack.Value}"));
        return string.Join("; ", parts);
    }

    // A namespace's jobs are nobody else's business: that there is one is told, its name is not.
    static string Named(string key, QueuedJob to) => SpaceOf(key).SequenceEqual(SpaceOf(to.Key)) ? key : "a job of another namespace";

    static ReadOnlySpan<char> SpaceOf(string key) => key.AsSpan(0, Math.Max(0, key.IndexOf('/', StringComparison.Ordinal)));

    static string Kind(QueuedJob job) => job.Device ?? job.Needs switch { DeviceKind.Cpu => "one kind of processor", DeviceKind.Cuda => "one kind of GPU", _ => "one kind" };

    static string Workers(int count) => count == 1 ? "1 worker" : string.Create(CultureInfo.InvariantCulture, $"{count} workers");

    static string List(IEnumerable<string> all)
    {
        var names = all.ToList();
        return names.Count <= NamedMax ? string.Join(", ", names) : $"{string.Join(", ", names.Take(NamedMax))} and {names.Count - NamedMax} more";
    }
}
