using Orchestrator.Grains;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Operator.Tests.Histories;

/// <summary>A queue whose jobs train in no time at all, and that fails as often as a history says.</summary>
sealed class PretendQueue(Random random, VirtualTime time) : ISchedulerGrain
{
    public const int Steps = 40;

    readonly Dictionary<string, Pretended> jobs = [];

    sealed record Pretended(JobEntry Entry, long Step);

    /// <summary>How many calls in a hundred fail.</summary>
    public int FailuresPercent { get; set; }

    /// <summary>How often a job of a key was begun.</summary>
    public Dictionary<string, int> Begun { get; } = [];

    /// <summary>The jobs as they are.</summary>
    public IReadOnlyDictionary<string, JobEntry> Now => jobs.ToDictionary(job => job.Key, job => job.Value.Entry);

    /// <summary>Every job does what it does in a second.</summary>
    public void Passes()
    {
        foreach (var (key, job) in jobs.ToList())
        {
            var entry = job.Entry;
            jobs[key] = entry switch
            {
                { Stage: JobStage.Completed or JobStage.Failed or JobStage.Cancelled } => job,
                { Wish: JobWish.End } => job with { Entry = entry with { Stage = JobStage.Cancelled, Phase = JobPhase.Cancelled, Reason = "cancelled by its user", Ended = time.GetUtcNow() } },
                { Wish: JobWish.Pause } => job with { Entry = entry with { Stage = JobStage.Suspended, Phase = JobPhase.Suspended, Reason = "paused by its user" } },
                { Stage: JobStage.Running } when job.Step >= Steps => job with { Entry = entry with { Stage = JobStage.Completed, Phase = JobPhase.Completed, Reason = "all steps are committed", Ended = time.GetUtcNow() } },
                { Stage: JobStage.Running } => job with { Step = job.Step + random.Next(2) },
                _ => job with { Entry = entry with { Stage = JobStage.Running, Phase = JobPhase.Running, Reason = "trains", Started = entry.Started ?? time.GetUtcNow() } },
            };
        }
    }

    public async Task<JobSnapshot> Snapshot(string key)
    {
        await Reach();
        var job = jobs.GetValueOrDefault(key) ?? throw new UnavailableException("its server is going");
        return new JobSnapshot(job.Entry.Phase ?? JobPhase.Waiting, job.Entry.Reason, new Step(job.Step), new Step(Steps), new Generation(1), [new WorkerId("a", 0)], new Step(0), new Step(job.Step), null)
        {
            Stage = job.Entry.Stage, AdapterSha256 = job.Entry.Stage == JobStage.Completed ? job.Entry.SpecDigest : "",
        };
    }

    public Task<JobEntry> Submit(string space, JobSpec spec)
    {
        var key = JobEntry.KeyOf(space, spec.Name);
        return Changed(() =>
        {
            if (jobs.TryGetValue(key, out var known))
                return known.Entry.SpecDigest == CanonicalJson.Digest(spec) ? known.Entry : throw new ProblemException("name", key, "a free one");
            Begun[key] = Begun.GetValueOrDefault(key) + 1;
            var entry = new JobEntry(space, spec, CanonicalJson.Digest(spec), spec.Workers, null, "waits", 1, [], time.GetUtcNow(), null, null);
            jobs[key] = new Pretended(entry, 0);
            return entry;
        });
    }

    public async Task<IReadOnlyList<JobEntry>> Jobs()
    {
        await Reach();
        return [.. jobs.Values.Select(job => job.Entry)];
    }

    public async Task<JobEntry?> Find(string key)
    {
        await Reach();
        return jobs.GetValueOrDefault(key)?.Entry;
    }

    public Task<JobEntry> Scale(string key, int workers) => Change(key, job => Alive(job) with { WorkersWanted = workers });

    public Task<JobEntry> Suspend(string key) => Change(key, job => Alive(job).Wish == JobWish.End ? job : job with { Wish = JobWish.Pause });

    public Task<JobEntry> Resume(string key) => Change(key, job => Alive(job).Wish == JobWish.End ? job : job with { Wish = JobWish.Run });

    public Task<JobEntry> Cancel(string key) => Change(key, job => IsOver(job) ? job : job with { Wish = JobWish.End });

    public async Task Delete(string key)
        => await Changed(() => jobs.TryGetValue(key, out var job) && !IsOver(job.Entry) ? throw new ProblemException(key, "a job that runs", "one that is over") : jobs.Remove(key));

    Task<JobEntry> Change(string key, Func<JobEntry, JobEntry> change) => Changed(() =>
    {
        var job = jobs.GetValueOrDefault(key) ?? throw new ProblemException("name", key, "the name of a job");
        jobs[key] = job with { Entry = change(job.Entry) };
        return jobs[key].Entry;
    });

    async Task<T> Changed<T>(Func<T> change)
    {
        await Reach();
        var made = change();
        if (random.Next(100) < FailuresPercent)
            throw new UnavailableException("it was done, and its answer lost");
        return made;
    }

    async Task Reach()
    {
        await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, 5)), time);
        if (random.Next(100) < FailuresPercent)
            throw new UnavailableException("the database does not answer");
    }

    static JobEntry Alive(JobEntry job) => IsOver(job) ? throw new ProblemException(job.Key, "a job that is over", "one that is not") : job;

    static bool IsOver(JobEntry job) => job.Stage is JobStage.Completed or JobStage.Failed or JobStage.Cancelled;

    public Task Told(string key, JobPhase phase, string reason) => Task.CompletedTask;

    public Task Announce(SiloAnnouncement silo) => Task.CompletedTask;

    public Task<IReadOnlyList<SiloEntry>> Silos() => Task.FromResult<IReadOnlyList<SiloEntry>>([]);

    public Task<SiloEntry> Cordon(string silo, bool cordoned, bool drained) => throw new NotSupportedException();
}
