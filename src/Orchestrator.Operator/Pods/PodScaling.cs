using System.Globalization;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;

namespace Orchestrator.Operator.Pods;

/// <summary>The pods of a StatefulSet of workers, and how many there may be.</summary>
/// <param name="Set">its name; a pod, and the server in it, is called by it and a number from 0</param>
/// <param name="PerPod">workers of a pod</param>
/// <param name="Min">fewest pods</param>
/// <param name="Max">most pods</param>
/// <param name="Idle">how long there are too many before some go</param>
public sealed record PodRange(string Set, int PerPod, int Min, int Max, TimeSpan Idle)
{
    /// <summary>The number of the pod that a server is; null of another's.</summary>
    public int? NumberOf(string server)
    {
        ArgumentNullException.ThrowIfNull(server);
        return server.StartsWith(Set + "-", StringComparison.Ordinal) && int.TryParse(server.AsSpan(Set.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    /// <summary>The server in a pod.</summary>
    public string ServerOf(int pod) => $"{Set}-{pod}";
}

/// <summary>What is to be done about the pods.</summary>
/// <param name="Need">how many are needed</param>
/// <param name="Pods">how many there are to be from now on; null leaves them</param>
/// <param name="Drain">those whose workers are to leave their jobs, since they go next</param>
/// <param name="Use">those that were to go, and stay after all or are gone</param>
/// <param name="Since">since when there are too many; null where there are not</param>
/// <param name="Reason">why</param>
public sealed record PodDecision(int Need, int? Pods, IReadOnlyList<int> Drain, IReadOnlyList<int> Use, DateTimeOffset? Since, string Reason);

/// <summary>How many pods of workers there are to be: as many as jobs ask for, at once; fewer only after a while, and once the workers of those that go have left their jobs.</summary>
public static class PodScaling
{
    /// <summary>Decides.</summary>
    /// <param name="range">the pods</param>
    /// <param name="jobs">all jobs</param>
    /// <param name="servers">the servers that live</param>
    /// <param name="pods">how many pods there are to be now</param>
    /// <param name="draining">pods that were told to drain</param>
    /// <param name="since">since when there are too many, as the last decision said</param>
    /// <param name="now">the time</param>
    public static PodDecision Decide(PodRange range, IReadOnlyList<JobEntry> jobs, IReadOnlyList<SiloEntry> servers, int pods, IReadOnlySet<int> draining, DateTimeOffset? since, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(range);
        ArgumentNullException.ThrowIfNull(draining);
        var others = servers.Where(server => range.NumberOf(server.Announcement.Silo) is null && !server.Cordoned && !server.Announcement.Leaving).Sum(server => server.Announcement.Slots);
        var asked = jobs.Sum(job => job.Stage is JobStage.Completed or JobStage.Failed or JobStage.Cancelled ? 0 : job.Wish == JobWish.Run ? job.WorkersWanted : job.Leased.Count);
        var need = Math.Clamp((Math.Max(0, asked - others) + range.PerPod - 1) / range.PerPod, range.Min, range.Max);
        var kept = Math.Max(need, pods);
        var alive = servers.Select(server => range.NumberOf(server.Announcement.Silo)).OfType<int>().ToHashSet();
        var gone = draining.Where(pod => pod >= kept && !alive.Contains(pod));

        if (need >= pods)
            return new PodDecision(need, need > pods ? need : null, [], [.. draining.Where(pod => pod < need).Concat(gone).Order()], null, $"{asked} workers are asked for");
        var from = since ?? now;
        if (now - from < range.Idle)
            return new PodDecision(need, null, [], [.. draining.Where(pod => pod < kept).Concat(gone).Order()], from, $"{asked} workers are asked for; {pods - need} pods may go in a while");
        var going = Enumerable.Range(need, pods - need).ToList();
        var back = draining.Where(pod => pod < need).Concat(gone).Order().ToList();
        var fresh = going.Where(pod => !draining.Contains(pod)).ToList();
        var busy = servers.Where(server => range.NumberOf(server.Announcement.Silo) is { } pod && pod >= need && server.Jobs.Any(job => job is not null)).Select(server => server.Announcement.Silo).ToList();
        return fresh.Count > 0 ? new PodDecision(need, null, fresh, back, from, $"{asked} workers are asked for: {fresh.Count} pods are to go")
            : busy.Count > 0 ? new PodDecision(need, null, [], back, from, $"{string.Join(", ", busy)} still in jobs")
            : new PodDecision(need, need, [], back, null, $"{asked} workers are asked for, and no job holds a pod that goes");
    }
}
