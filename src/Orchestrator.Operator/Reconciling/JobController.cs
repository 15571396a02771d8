using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Operator.Resources;

namespace Orchestrator.Operator.Reconciling;

/// <summary>The cluster's jobs, as the operator sees and changes them.</summary>
/// <param name="Queue">takes jobs in, scales and ends them</param>
/// <param name="Snapshot">how a job is, by its key</param>
/// <param name="Intake">makes a spec of a resource's</param>
public sealed record ClusterJobs(ISchedulerGrain Queue, Func<string, Task<JobSnapshot>> Snapshot, SpecIntake Intake);

/// <summary>
/// Carries what <see cref="Reconciler"/> decides: each resource is looked at beside its job, again and again, one after the other. What fails is tried again later and later, and keeps nothing else up.
/// </summary>
sealed partial class JobController(IClusterResources server, ClusterJobs jobs, IReadOnlyList<ResourceMirror> mirrors, string? selector, TimeProvider clock, ILogger log)
{
    /// <summary>Deeds for one resource in a pass: to hold, submit, scale and suspend it.</summary>
    const int DeedsMax = 6;

    /// <summary>How often a status is written of which nothing but the progress is new.</summary>
    public static readonly TimeSpan ProgressEvery = TimeSpan.FromSeconds(5);

    readonly Backoff backoff = new(clock);
    readonly Dictionary<string, (string Version, SpecReading Reading)> readings = new(StringComparer.Ordinal);
    readonly Dictionary<string, DateTimeOffset> told = new(StringComparer.Ordinal);
    readonly Dictionary<string, string> digests = new(StringComparer.Ordinal);      // of the queue's specs, by their own

    /// <summary>Looks at every resource once.</summary>
    public async Task Pass(CancellationToken stop)
    {
        var resources = mirrors.SelectMany(mirror => mirror.Jobs.Select(job => (Mirror: mirror, Job: job))).ToList();
        var entries = resources.Count == 0 ? [] : (await jobs.Queue.Jobs()).ToDictionary(entry => entry.Key);
        foreach (var (mirror, resource) in resources)
        {
            var what = $"{resource.Key}/{resource.Metadata.Uid}";
            if (!backoff.IsDue(what))
                continue;
            try
            {
                if (await Look(mirror, resource, entries.GetValueOrDefault(JobAssignment.KeyOf(resource.Metadata.Namespace, resource.Metadata.Name)), stop))
                    backoff.Succeeded(what);
                else
                    backoff.Failed(what);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                throw;
            }
            catch (RefusedException gone) when (gone.IsMissing)
            {
                mirror.Drop(resource);
            }
            catch (Exception e)      // of one resource: the next is looked at all the same
            {
                var pause = backoff.Failed(what, (e as RefusedException)?.Again);
                if (e is not RefusedException { IsConflict: true })      // somebody else was faster: no more than that
                    LogFailed(resource.Key, pause, e.Message);
            }
        }
        Forget(resources.Select(pair => pair.Job));
    }

    // Whether it is as it should be, or on its way: what is refused may be taken later, once records are there or a name is free.
    async Task<bool> Look(ResourceMirror mirror, TrainingJob resource, JobEntry? entry, CancellationToken stop)
    {
        var key = JobAssignment.KeyOf(resource.Metadata.Namespace, resource.Metadata.Name);
        for (var deeds = 0; deeds < DeedsMax; deeds++)
        {
            if (IsSettled(resource, entry))
                return true;
            var reading = Read(resource, entry);
            var view = entry is null ? null : new JobView(entry, entry.Started is null ? null : await jobs.Snapshot(key), IsOurs(resource, reading, entry));
            var decision = Reconciler.Decide(resource, view, reading.Refusal, selector, clock.GetUtcNow());
            switch (decision.Deed)
            {
                case Deed.Nothing:
                    if (decision.Status is { } status)
                        await Say(mirror, resource, status, stop);
                    return decision.Status?[Statuses.Accepted] is not { Holds: false };
                case Deed.Hold or Deed.Release or Deed.Adopt:
                    LogDone(resource.Key, decision.Deed, decision.Reason);
                    mirror.Take(resource = await server.Patch(resource.Metadata, For(resource, decision.Patch!), stop));
                    if (decision.Deed == Deed.Release)
                    {
                        mirror.Drop(resource);
                        return true;
                    }
                    break;
                default:
                    LogDone(resource.Key, decision.Deed, decision.Reason);
                    entry = await Do(decision.Deed, key, resource, reading);
                    break;
            }
        }
        return true;
    }

    async Task<JobEntry?> Do(Deed deed, string key, TrainingJob resource, SpecReading reading)
    {
        switch (deed)
        {
            case Deed.Submit:
                return await jobs.Queue.Submit(resource.Metadata.Namespace, reading.Spec!);
            case Deed.Scale:
                return await jobs.Queue.Scale(key, resource.Workers);
            case Deed.Suspend:
                return await jobs.Queue.Suspend(key);
            case Deed.Resume:
                return await jobs.Queue.Resume(key);
            case Deed.Cancel:
                return await jobs.Queue.Cancel(key);
            case Deed.Forget:
                await jobs.Queue.Delete(key);
                return null;
            default:
                throw new ArgumentOutOfRangeException(nameof(deed), deed, "no deed for a job");
        }
    }

    // The status, and before it what it tells: a notice is told again rather than not at all.
    async Task Say(ResourceMirror mirror, TrainingJob resource, TrainingJobStatus status, CancellationToken stop)
    {
        var what = $"{resource.Key}/{resource.Metadata.Uid}";
        if (status.Says(resource.Status))
            return;
        var now = clock.GetUtcNow();
        if (resource.Status is { } before && status.WithoutProgress().Says(before.WithoutProgress()) && told.TryGetValue(what, out var at) && now - at < ProgressEvery)
            return;
        foreach (var notice in Statuses.News(resource, status))
            await server.Tell(resource, notice, stop);
        mirror.Take(await server.PatchStatus(resource.Metadata, Statuses.Patch(resource, status), stop));
        told[what] = now;
    }

    // A resource whose job is over, and which says so, is looked at no more: there may be thousands.
    static bool IsSettled(TrainingJob resource, JobEntry? entry)
        => !resource.IsDeleted && entry is { Stage: JobStage.Completed or JobStage.Failed or JobStage.Cancelled } && resource.Status is { } status && status.Phase == entry.Stage.ToString()
            && status.ObservedGeneration == resource.Metadata.Generation && status.SpecDigest == entry.SpecDigest && status.Ended is not null;

    SpecReading Read(TrainingJob resource, JobEntry? entry)
    {
        var what = $"{resource.Key}/{resource.Metadata.Uid}";
        var version = $"{resource.Metadata.Generation}";
        if (readings.TryGetValue(what, out var known) && known.Version == version && (known.Reading.Refusal is null || entry is not null))
            return known.Reading;
        var reading = SpecReading.Of(resource, jobs.Intake);
        readings[what] = (version, reading);
        return reading;
    }

    // Taken in once, it stays a job, even if what it names would be refused by now.
    bool IsOurs(TrainingJob resource, SpecReading reading, JobEntry entry)
    {
        if (reading.Digest is null)
            return resource.Status?.SpecDigest == entry.SpecDigest && resource.Status[Statuses.Accepted] is { Holds: true };
        if (!digests.TryGetValue(entry.SpecDigest, out var digest))
            digests[entry.SpecDigest] = digest = SpecReading.DigestOf(entry.Spec);
        return digest == reading.Digest;
    }

    static JsonObject For(TrainingJob resource, JsonObject patch)
    {
        (patch["metadata"] ??= new JsonObject())["resourceVersion"] = resource.Metadata.ResourceVersion;
        return patch;
    }

    void Forget(IEnumerable<TrainingJob> there)
    {
        var these = there.Select(job => $"{job.Key}/{job.Metadata.Uid}").ToHashSet(StringComparer.Ordinal);
        backoff.Keep(these);
        foreach (var gone in readings.Keys.Where(what => !these.Contains(what)).ToList())
            (_, _) = (readings.Remove(gone), told.Remove(gone));
    }

    [LoggerMessage(EventName = "ResourceDecided", Level = LogLevel.Information, Message = "{Resource}: {Deed}, since {Reason}")]
    partial void LogDone(string resource, Deed deed, string reason);

    [LoggerMessage(EventName = "ResourceFailed", Level = LogLevel.Warning, Message = "{Resource}: tried again in {Pause}: {Reason}")]
    partial void LogFailed(string resource, TimeSpan pause, string reason);
}
