using Microsoft.Extensions.Logging;
using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Scheduling;

namespace Orchestrator.Grains.Scheduling;

/// <content>The loop: what the queue decides is stored, and every job is steered by it, again and again.</content>
sealed partial class SchedulerGrain
{
    static readonly TimeSpan every = TimeSpan.FromSeconds(1);

    /// <summary>How long a job's answer is waited for before it is asked anew: its silo may be dying.</summary>
    static readonly TimeSpan answerWithin = TimeSpan.FromSeconds(2);

    readonly Dictionary<string, Facts> facts = [];
    readonly SemaphoreSlim wake = new(0);
    readonly CancellationTokenSource stopping = new();
    Task? loop;
    string? complaint;

    // What is known of a job and need not be stored: it is told again.
    sealed class Facts
    {
        public JobReport? Report { get; set; }

        public string? Fault { get; set; }

        public string? Waits { get; set; }

        public int Position { get; set; }

        public bool IsDue { get; set; } = true;

        public DateTimeOffset Asked { get; set; }

        public bool IsAsked { get; set; }

        public JobSteering? Told { get; set; }
    }

    void Wake()
    {
        if (wake.CurrentCount == 0)
            wake.Release();
    }

    async Task Run()
    {
        await Task.Yield();
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await Decide();
                Steer();
                Measure();
                if (complaint is not null)
                    complaint = null;
                await wake.WaitAsync(every, stopping.Token);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
            }
            catch (Exception e)
            {
                if (complaint != e.Message)
                    LogUndecided(complaint = e.Message);
                Steer();      // by what is stored: jobs run on
                await Task.Delay(every, CancellationToken.None);
            }
        }
    }

    // What jobs reported and what the queue makes of it, stored where it changed.
    async Task Decide()
    {
        if (!silos.IsComplete)
            return;
        await Store(Decided);
    }

    SchedulerRecord Decided(SchedulerRecord record)
    {
        record = WithQuarantines(record);
        var alive = silos.Alive();
        var exchanges = alive.ToDictionary(silo => silo.Said.Silo, silo => silo.Said.Exchange);
        var devices = alive.ToDictionary(silo => silo.Said.Silo, silo => silo.Said.Device);
        var told = record.Jobs.Select(job => job.IsOver ? job : Taken(job, facts.GetValueOrDefault(job.Key)?.Report, devices)).ToList();
        var waiting = told.Where(job => !job.IsOver).ToList();
        var leases = JobQueue.Decide([.. waiting.Select(ForQueue)], [.. alive.Select(silo => SiloRegistry.ForQueue(silo.Said, record))]).ToDictionary(lease => lease.Job);
        var next = told.ConvertAll(job =>
        {
            if (!leases.TryGetValue(job.Key, out var lease))
                return job.Leased.Count == 0 ? job : job with { Leased = [] };
            var known = FactsOf(job.Key);
            (known.Waits, known.Position) = (lease.Reason, lease.Position);
            var offers = lease.Workers.Select(worker => new WorkerOffer(worker, exchanges[worker.Silo])).ToArray();
            return offers.SequenceEqual(job.Leased) ? job
                : job with { Leased = offers, Started = job.Started ?? (offers.Length > 0 ? clock.GetUtcNow() : null), IsStarted = job.IsStarted || (job.IsPrepared && offers.Length > 0) };
        });
        return next.SequenceEqual(record.Jobs) ? record : record with { Jobs = next };
    }

    // What a job says of itself, in its record.
    ScheduledJob Taken(ScheduledJob job, JobReport? report, Dictionary<string, string> devices)
    {
        if (report is null)
            return job;
        var next = job with { Phase = report.Phase, IsPrepared = report.IsPrepared };
        if (next.IsOver)
            return next with { Reason = report.Reason, Ended = clock.GetUtcNow(), Leased = [] };
        if (report.Phase == JobPhase.Suspended && job.Wish == JobWish.Pause)
            next = next with { IsStarted = false };
        else if (report.IsPrepared && job.Leased.Count > 0)
            next = next with { IsStarted = true, Device = next.Device ?? devices.GetValueOrDefault(job.Leased[0].Worker.Silo) };
        return next == job ? job : next;
    }

    QueuedJob ForQueue(ScheduledJob job)
    {
        var report = facts.GetValueOrDefault(job.Key)?.Report;
        return new QueuedJob(job.Key, job.Workers)
        {
            // Until it has written its checkpoint, a job that is being paused needs its workers.
            IsWanted = job.Wish == JobWish.Run || (job.IsStarted && job.Phase != JobPhase.Suspended),
            IsStarted = job.IsStarted,
            Device = job.Device,
            Needs = job.Spec.Device.Kind,
            Leased = [.. job.Leased.Select(offer => offer.Worker)],
            Held = report?.Holds ?? [],
            Lacks = report?.Lacks ?? new Dictionary<string, string>(),
        };
    }

    Facts FactsOf(string key)
    {
        if (!facts.TryGetValue(key, out var known))
            facts.Add(key, known = new Facts());
        return known;
    }

    void Steer()
    {
        var now = clock.GetUtcNow();
        foreach (var job in Record.Jobs.Where(job => !job.IsOver))
        {
            var known = FactsOf(job.Key);
            var steering = new JobSteering(job.Space, job.Spec, [.. job.Leased], job.Wish, known.Waits ?? "was taken in", Record.Version) { Pardoned = [.. Record.Pardoned.Where(pardon => pardon.Job == job.Key).Select(pardon => pardon.Worker)] };
            var isNews = known.Told is not { } told || !told.Workers.SequenceEqual(steering.Workers) || told.Wish != steering.Wish || told.Reason != steering.Reason || !told.Pardoned.SequenceEqual(steering.Pardoned);
            if ((known.IsAsked && now - known.Asked < answerWithin) || !(isNews || known.IsDue || now - known.Asked >= every))
                continue;
            (known.Told, known.IsDue, known.IsAsked, known.Asked) = (steering, false, true, now);
            Ask(job.Key, known, steering).Ignore();
        }
    }

    async Task Ask(string key, Facts known, JobSteering steering)
    {
        try
        {
            var report = await GrainFactory.GetGrain<IJobGrain>(key).Steer(steering);
            var changed = known.Report is not { } last || last.Phase != report.Phase || last.IsPrepared != report.IsPrepared || !last.Holds.SequenceEqual(report.Holds) || !last.Lacks.Keys.SequenceEqual(report.Lacks.Keys)
                || !last.Quarantined.SequenceEqual(report.Quarantined);
            (known.Report, known.Fault) = (report, null);
            if (changed)
                Wake();
        }
        catch (Exception e)
        {
            known.Told = null;
            if (known.Fault != e.Message)
                LogUnsteered(key, known.Fault = e.Message);
        }
        finally
        {
            known.IsAsked = false;
        }
    }

    [LoggerMessage(EventName = "QueueUndecided", Level = LogLevel.Warning, Message = "the queue stays as it is stored: {Reason}")]
    partial void LogUndecided(string reason);

    [LoggerMessage(EventName = "JobUnsteered", Level = LogLevel.Warning, Message = "{Job}: does not answer: {Reason}")]
    partial void LogUnsteered(string job, string reason);
}
