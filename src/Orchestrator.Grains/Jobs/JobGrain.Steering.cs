using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Grains.Workers;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Grains.Jobs;

/// <content>What the cluster wants of a job.</content>
sealed partial class JobGrain
{
    static readonly TimeSpan offerEvery = TimeSpan.FromSeconds(2);

    /// <summary>How long a silo that lacks something is left alone: whoever watches may put it there.</summary>
    static readonly TimeSpan lackLife = TimeSpan.FromSeconds(15);

    readonly Dictionary<string, (string Reason, DateTimeOffset Until)> lacks = [];
    JobSteering? steering;
    string? specDigest;
    DateTimeOffset offeredAt;
    int preparesNext;
    bool isSteered;      // a cluster's job, from its first call on

    ClusterFolders Folders => services.GetRequiredService<ClusterFolders>();

    /// <inheritdoc/>
    public async Task<JobReport> Steer(JobSteering wanted)
    {
        if (wanted.Version < steering?.Version)
            return Here();
        isSteered = true;
        if (Record.Spec is null)
        {
            await Change(record => record with { Space = wanted.Space, Spec = wanted.Spec });
            OpenEvents();
        }
        specDigest ??= CanonicalJson.Digest(Record.Spec!);
        if (specDigest != CanonicalJson.Digest(wanted.Spec))
            throw new ProblemException($"job {this.GetPrimaryKeyString()}", "another job under this name", "the spec that was submitted first", "delete that one, or give this one another name");
        var offersChanged = steering is null || !steering.Workers.SequenceEqual(wanted.Workers);
        steering = wanted;
        if (Record.State.IsOver)
            return Here();
        if (Record.Job is null)
            await SteerUnprepared(wanted);
        else
        {
            if (loop is null)
                await Begin();
            SteerPrepared(wanted, offersChanged);
        }
        return Here();
    }

    async Task SteerUnprepared(JobSteering wanted)
    {
        var able = wanted.Workers.Where(offer => !lacks.ContainsKey(offer.Worker.Silo)).Select(offer => offer.Worker).DistinctBy(worker => worker.Silo).ToList();
        var (phase, reason) = wanted.Wish switch
        {
            JobWish.End => (JobPhase.Cancelled, "cancelled by its user before it began"),
            JobWish.Pause => (JobPhase.Suspended, "paused by its user before it began"),
            _ => (JobPhase.Waiting, able.Count == 0 ? wanted.Reason : $"is being prepared on {able[preparesNext % able.Count].Silo}"),
        };
        if (phase != Record.State.Phase)
            await Change(record => record with { State = record.State with { Phase = phase, Reason = reason } });
        if (news.LastDecision is not { } last || last.Reason != reason || last.Phase != phase)
        {
            Note(reason);
            FlushEvents();
        }
        if (phase == JobPhase.Waiting && able.Count > 0)
            Prepare(able[preparesNext % able.Count], wanted).Ignore();
    }

    async Task Prepare(WorkerId worker, JobSteering wanted)
    {
        try
        {
            await GrainFactory.GetGrain<IWorkerGrain>(worker.ToString()).Prepare(wanted.Space, wanted.Spec);
        }
        catch (Exception e)      // that silo is gone, or going: the next one prepares
        {
            preparesNext++;
            LogNotPrepared(this.GetPrimaryKeyString(), worker, e.Message);
        }
    }

    // The whole set whenever it changes and every few seconds, so that a worker that only seemed lost is invited again.
    void SteerPrepared(JobSteering wanted, bool offersChanged)
    {
        foreach (var mended in Record.State.Quarantined.Select(quarantined => quarantined.Worker).Intersect(wanted.Pardoned))
            Hear(new JobEvent.Pardoned(mended));
        var now = clock.GetUtcNow();
        if (offersChanged || (now - offeredAt >= offerEvery && events.Reader.Count == 0))
        {
            offeredAt = now;
            Hear(new JobEvent.Offered([.. wanted.Workers]));
        }
        switch (wanted.Wish)
        {
            case JobWish.Pause when !Record.State.SuspendWanted:
                Hear(new JobEvent.SuspendRequested());
                break;
            case JobWish.Run when Record.State.SuspendWanted || Record.State.Phase == JobPhase.Suspended:
                Hear(new JobEvent.ResumeRequested());
                break;
            case JobWish.End:
                Hear(new JobEvent.CancelRequested());
                break;
            default:
                break;
        }
    }

    JobReport Here()
    {
        var state = Record.State;
        foreach (var silo in lacks.Where(lack => lack.Value.Until <= clock.GetUtcNow()).Select(lack => lack.Key).ToList())
            lacks.Remove(silo);
        return new JobReport(state.Phase, fault is null ? state.Reason : $"nothing can be decided just now ({fault}); training goes on", Record.Job is not null,
            [.. state.Workers.Select(worker => worker.Worker).Union(state.Leaving).Order()], lacks.ToDictionary(lack => lack.Key, lack => lack.Value.Reason))
        { Quarantined = state.Quarantined };
    }

    void Lack(string silo, string reason)
    {
        if (Record.Spec is not null)
            lacks[silo] = (reason, clock.GetUtcNow() + lackLife);
    }

    /// <inheritdoc/>
    public async Task Prepared(JobPreparationResult result)
    {
        if (Record.Spec is not { } spec || Record.State.IsOver || loop is not null)
            return;
        if (result.Lack is { } lack)
        {
            Lack(result.Silo, lack);
            Note($"{result.Silo} cannot prepare it: {lack}");
            FlushEvents();
            TellScheduler();
            return;
        }
        if (result.Mistake is { } mistake)
        {
            await Fail(mistake);
            return;
        }
        if (Record.Job is null)
        {
            var folder = Folders.Jobs(Record.Space!, spec.Name).Path;
            await Change(record => record.Job is not null ? record : record with { Job = new JobAssignment(result.Plan!, folder, record.Space!), Warnings = [.. result.Warnings] });
            foreach (var warning in result.Warnings)
                Note($"warning: {warning}");
        }
        try
        {
            await Begin();
        }
        catch (ProblemException problem)
        {
            await Fail(problem.Message);
            return;
        }
        if (steering is { } wanted)
            SteerPrepared(wanted, offersChanged: true);
        FlushEvents();
        TellScheduler();
    }

    async Task Fail(string reason)
    {
        await Change(record => record with { State = record.State with { Phase = JobPhase.Failed, Reason = reason } });
        Note(reason);
        FlushEvents();
        TellScheduler();
    }

    void OpenEvents()
    {
        if (news is NewsBoard)
            news = EventFile.Open(Folders.Jobs(Record.Space!, Record.Spec!.Name), clock);
    }

    /// <inheritdoc/>
    public async Task Delete()
    {
        if (Record.Spec is not { } spec)
            return;
        if (!Record.State.IsOver)
            throw new ProblemException($"job {this.GetPrimaryKeyString()}", $"a job that is {StageOf(Record.State).ToString().ToLowerInvariant()}", "one that is over", "cancel it first");
        var folder = Folders.Jobs(Record.Space!, spec.Name).Path;
        await Task.Run(() =>
        {
            if (!Directory.Exists(folder))
                return;
            var away = $"{folder}.deleted-{Guid.NewGuid():N}";      // at once or not at all: half a job is nobody's
            Directory.Move(folder, away);
            Directory.Delete(away, recursive: true);
        });
        await stopping.CancelAsync();
        await stored.ClearStateAsync();
        DeactivateOnIdle();      // the next of this name begins with nothing in memory
    }

    /// <inheritdoc/>
    public Task Offer(IReadOnlyList<WorkerOffer> workers) => Take(new JobEvent.Offered(workers));

    /// <inheritdoc/>
    public Task Suspend() => Take(new JobEvent.SuspendRequested());

    /// <inheritdoc/>
    public Task Resume() => Take(new JobEvent.ResumeRequested());

    /// <inheritdoc/>
    public Task Cancel() => Take(new JobEvent.CancelRequested());

    Task Take(JobEvent what)
    {
        Hear(what);
        return Task.CompletedTask;
    }

    [LoggerMessage(EventName = "NotPrepared", Level = LogLevel.Warning, Message = "{Job}: {Worker} does not prepare it: {Reason}")]
    partial void LogNotPrepared(string job, WorkerId worker, string reason);
}
