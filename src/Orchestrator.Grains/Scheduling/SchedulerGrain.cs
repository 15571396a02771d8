using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orleans.Storage;

namespace Orchestrator.Grains.Scheduling;

/// <inheritdoc cref="ISchedulerGrain"/>
[KeepAlive]
sealed partial class SchedulerGrain(
    [PersistentState("queue", "jobs")] IPersistentState<SchedulerRecord> stored,
    IClusterMembershipService membership,
    Metrics metrics,
    TimeProvider clock,
    ILogger<SchedulerGrain> log) : Grain, ISchedulerGrain, IDisposable
{
    const int WorkersMax = 1024;

    readonly SemaphoreSlim changing = new(1);
    readonly SiloRegistry silos = new(membership, clock);

    SchedulerRecord Record => stored.State;

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        loop = Run();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task<JobEntry> Submit(string space, JobSpec spec)
    {
        SpecRules.Demand(spec);
        var (key, digest) = (JobAssignment.KeyOf(space, spec.Name), CanonicalJson.Digest(spec));
        var named = space.Length == 0 ? JobAssignment.DefaultSpace : JobName.Parse(space).Text;
        await Change(record => record.Find(key) is not { } known ? record with { Jobs = [.. record.Jobs, new ScheduledJob(named, spec, digest, spec.Workers, clock.GetUtcNow())] }
            : known.SpecDigest == digest ? record
            : throw new ProblemException("name", $"another job called {key}", "a name that is free, or the very spec that was submitted under it", "give it another name, or delete that job when it is over"));
        return Entry(key);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<JobEntry>> Jobs() => Task.FromResult<IReadOnlyList<JobEntry>>(Record.Jobs.Select(job => Entry(job)).ToArray());

    /// <inheritdoc/>
    public Task<JobEntry?> Find(string key) => Task.FromResult(Record.Find(key) is { } job ? Entry(job) : null);

    /// <inheritdoc/>
    public async Task<JobEntry> Scale(string key, int workers)
    {
        if (workers is < 1 or > WorkersMax)
            throw new ProblemException("workers", $"{workers}", $"1 to {WorkersMax}");
        await Change(record => record.With(key, job => Alive(job) with { Workers = workers }));
        return Entry(key);
    }

    /// <inheritdoc/>
    public async Task<JobEntry> Suspend(string key)
    {
        await Change(record => record.With(key, job => Alive(job).Wish == JobWish.End ? job : job with { Wish = JobWish.Pause }));
        return Entry(key);
    }

    /// <inheritdoc/>
    public async Task<JobEntry> Resume(string key)
    {
        await Change(record => record.With(key, job => Alive(job).Wish == JobWish.End ? job : job with { Wish = JobWish.Run }));
        return Entry(key);
    }

    /// <inheritdoc/>
    public async Task<JobEntry> Cancel(string key)
    {
        await Change(record => record.With(key, job => job.IsOver ? job : job with { Wish = JobWish.End }));
        return Entry(key);
    }

    /// <inheritdoc/>
    public async Task Delete(string key)
    {
        if (Record.Find(key) is not { } job)
            return;
        if (!job.IsOver)
            throw new ProblemException($"job {key}", $"a job that is {Entry(job).Stage.ToString().ToLowerInvariant()}", "one that is over", "cancel it first");
        await GrainFactory.GetGrain<IJobGrain>(key).Delete();
        await Change(record => record with { Jobs = [.. record.Jobs.Where(known => known.Key != key)] });
        facts.Remove(key);
    }

    /// <inheritdoc/>
    public Task Told(string key, JobPhase phase, string reason)
    {
        if (facts.TryGetValue(key, out var known))
            known.IsDue = true;
        Wake();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task Announce(SiloAnnouncement silo)
    {
        if (silos.Hear(silo))
            Wake();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<SiloEntry>> Silos()
    {
        var jobs = Record.Jobs.SelectMany(job => job.Leased.Select(offer => (offer.Worker, job.Key))).ToDictionary(pair => pair.Worker, pair => pair.Key);
        return Task.FromResult<IReadOnlyList<SiloEntry>>(silos.Alive().Select(silo => new SiloEntry(silo.Said, Record.Cordons.ContainsKey(silo.Said.Silo),
            silo.Said.Leaving || Record.Cordons.GetValueOrDefault(silo.Said.Silo), silo.Since,
            [.. Enumerable.Range(0, silo.Said.Slots).Select(slot => jobs.GetValueOrDefault(new WorkerId(silo.Said.Silo, slot)))])
        {
            Quarantined = Record.Quarantined.Where(wrong => wrong.Worker.Silo == silo.Said.Silo).ToDictionary(wrong => wrong.Worker.Slot, wrong => wrong.Reason),
        }).ToArray());
    }

    /// <inheritdoc/>
    public async Task<SiloEntry> Cordon(string silo, bool cordoned, bool drained)
    {
        if (silos.Alive().All(known => known.Said.Silo != silo) && !Record.Cordons.ContainsKey(silo) && Record.Quarantined.All(wrong => wrong.Worker.Silo != silo))
            throw new ProblemException("server", silo, "the name of a server", "`workers` lists them");
        await Change(record =>
        {
            if (!cordoned && !drained)
                record = Pardon(record, silo);
            if (cordoned || drained ? record.Cordons.TryGetValue(silo, out var known) && known == drained : !record.Cordons.ContainsKey(silo))
                return record;
            var cordons = record.Cordons.Where(pair => pair.Key != silo).ToDictionary();
            if (cordoned || drained)
                cordons[silo] = drained;
            return record with { Cordons = cordons };
        });
        return (await Silos()).FirstOrDefault(entry => entry.Announcement.Silo == silo)
            ?? new SiloEntry(new SiloAnnouncement(silo, 0, new Uri("http://gone"), 0, "", Leaving: true), cordoned || drained, drained, clock.GetUtcNow(), []);
    }

    static ScheduledJob Alive(ScheduledJob job) => !job.IsOver ? job
        : throw new ProblemException($"job {job.Key}", $"a job that is {job.Phase.ToString().ToLowerInvariant()}", "one that is not over");

    JobEntry Entry(string key) => Record.Find(key) is { } job ? Entry(job) : throw new ProblemException("name", key, "the name of a job", "`list` shows them");

    JobEntry Entry(ScheduledJob job)
    {
        var known = facts.GetValueOrDefault(job.Key);
        var stage = Stages.Of(job.Phase, job.Leased.Count > 0, job.IsPrepared);
        var reason = job.IsOver ? job.Reason
            : job.Leased.Count == 0 && job.Wish == JobWish.Run ? known?.Waits ?? "was taken in"
            : string.Join("; ", new[] { known?.Fault ?? known?.Report?.Reason, job.Leased.Count < job.Workers && job.Leased.Count > 0 ? known?.Waits : null }.OfType<string>());
        return new JobEntry(job.Space, job.Spec, job.SpecDigest, job.Workers, stage == JobStage.Queued && !job.IsStarted ? null : job.Phase, reason, job.IsOver ? 0 : known?.Position ?? 0,
            [.. job.Leased.Select(offer => offer.Worker)], job.Submitted, job.Started, job.Ended)
        { Stage = stage, Device = job.Device, Wish = job.Wish };
    }

    // Saved, or not done; whoever finds that somebody else has saved reads that and changes it anew.
    async Task Change(Func<SchedulerRecord, SchedulerRecord> change)
    {
        await Store(change);
        Wake();
    }

    async Task Store(Func<SchedulerRecord, SchedulerRecord> change)
    {
        await changing.WaitAsync();
        try
        {
            await Save(change);
        }
        catch (InconsistentStateException)
        {
            await stored.ReadStateAsync();
            await Save(change);
        }
        finally
        {
            changing.Release();
        }
    }

    async Task Save(Func<SchedulerRecord, SchedulerRecord> change)
    {
        var before = Record;
        var next = change(before);
        if (next == before)
            return;
        stored.State = next with { Version = before.Version + 1 };
        try
        {
            await stored.WriteStateAsync();
        }
        catch (Exception e)
        {
            stored.State = before;
            if (e is InconsistentStateException)
                throw;
            throw UnavailableException.Storing("the queue", e);
        }
    }

    /// <inheritdoc/>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        if (loop is not null)
            await loop;
        metrics.QueueIs(null);
        metrics.QuarantinedAre(null);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        stopping.Dispose();
        changing.Dispose();
        wake.Dispose();
    }
}
