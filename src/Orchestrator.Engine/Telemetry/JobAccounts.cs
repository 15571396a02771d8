using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine.Telemetry;

/// <summary>
/// The job's side of the accounts: what its workers told, each second once, and for those that are lost the time that they did not live to tell. The time here is any clock that does not go
/// backwards, as long as an instance lives; what is <see cref="Stored"/> knows no clock. One owner, no lock.
/// </summary>
/// <param name="stored">what was stored before</param>
/// <param name="now">the time</param>
public sealed class JobAccounts(StoredAccounts stored, TimeSpan now)
{
    // A worker tells every second: of one that is silent for longer it is not known whether there still is any time to count.
    static readonly TimeSpan assumedMax = TimeSpan.FromSeconds(5);

    // Repeats of what the last ones told must not count anew, even when they come late.
    const int RememberedMax = 256;

    readonly Dictionary<Guid, TimeSpan> heard = [];

    /// <summary>What is to be stored.</summary>
    public StoredAccounts Stored { get; } = stored;

    /// <summary>Workers that are there, as they told last.</summary>
    public IEnumerable<WorkerTold> Present => Stored.Workers.Where(known => !known.IsFinal && !known.IsLost);

    /// <summary>Takes what a worker told. Idempotent; what is older than what is known changes nothing.</summary>
    public void Take(WorkerAccount account, TimeSpan now)
    {
        ArgumentNullException.ThrowIfNull(account);
        var known = Stored.Workers.Find(worker => worker.Incarnation == account.Incarnation);
        if (known is null)
            Stored.Workers.Add(known = new WorkerTold { Worker = account.Worker, Incarnation = account.Incarnation });
        var more = account.Seconds.All - known.Seconds.All;
        if (known.IsFinal || more < 0)
            return;
        // Of a worker that only seemed lost its time was booked already.
        var booked = Math.Min(known.Booked, more);
        Stored.Seconds = Stored.Seconds.WithShare(more > 0 ? 1 - booked / more : 0, known.Seconds, account.Seconds);
        known.Booked -= booked;
        (known.Seconds, known.Now, known.IsFinal, known.IsLost) = (account.Seconds, account.Now, account.IsFinal, false);
        heard[account.Incarnation] = now;
        Forget();
    }

    /// <summary>Something was decided about the job. Of workers that it has lost with it, the time from what they told last until now is <see cref="WorkerState.Recovery"/>.</summary>
    /// <param name="what">what it was decided on</param>
    /// <param name="before">the job before</param>
    /// <param name="after">the job after</param>
    /// <param name="now">the time</param>
    public void Decided(JobEvent what, JobState before, JobState after, TimeSpan now)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        if (what is not (JobEvent.Lost or JobEvent.TimePassed) || before.Workers == after.Workers)
            return;      // whoever leaves in another way tells its last seconds itself
        var lost = before.Workers.Select(known => known.Worker).Except(after.Workers.Select(known => known.Worker)).ToHashSet();
        foreach (var known in Stored.Workers.Where(known => lost.Contains(known.Worker) && !known.IsFinal && !known.IsLost))
        {
            var silence = (now - HeardOf(known)).TotalSeconds;
            Stored.Seconds = Stored.Seconds.With(WorkerState.Recovery, silence);
            known.Booked += silence;
            known.IsLost = true;
        }
    }

    /// <summary>The job's worker-seconds until now; those that were not told yet are of the state that their worker was in when it told last.</summary>
    public WorkerSeconds At(TimeSpan now)
    {
        var seconds = Stored.Seconds;
        foreach (var known in Present)
        {
            var silence = now - HeardOf(known);
            seconds = seconds.With(known.Now, Math.Max(0, Math.Min(silence.TotalSeconds, assumedMax.TotalSeconds) - known.Booked));
        }
        return seconds;
    }

    TimeSpan HeardOf(WorkerTold known) => heard.TryGetValue(known.Incarnation, out var at) ? at : heard[known.Incarnation] = begun;

    readonly TimeSpan begun = now;

    void Forget()
    {
        var over = Stored.Workers.Count(known => known.IsFinal || known.IsLost) - RememberedMax;
        for (var i = 0; over > 0; i++)
        {
            if (Stored.Workers[i] is { IsFinal: false, IsLost: false })
                continue;
            heard.Remove(Stored.Workers[i].Incarnation);
            Stored.Workers.RemoveAt(i--);
            over--;
        }
    }
}

/// <summary>A job's accounts as they are stored with it.</summary>
public sealed class StoredAccounts
{
    /// <summary>Worker-seconds that were told or booked.</summary>
    public WorkerSeconds Seconds { get; set; } = WorkerSeconds.None;

    /// <summary>Workers of now and the last ones of before.</summary>
    public List<WorkerTold> Workers { get; set; } = [];

    /// <summary>The same, apart: a store may still read it while the next is told.</summary>
    public StoredAccounts Copy() => new() { Seconds = Seconds, Workers = Workers.ConvertAll(worker => worker with { }) };
}

/// <summary>What one incarnation of a worker has told.</summary>
public sealed record WorkerTold
{
    /// <summary>Who.</summary>
    public required WorkerId Worker { get; set; }

    /// <summary>Which time.</summary>
    public required Guid Incarnation { get; set; }

    /// <summary>What it told last.</summary>
    public WorkerSeconds Seconds { get; set; } = WorkerSeconds.None;

    /// <summary>The state it was in then.</summary>
    public WorkerState Now { get; set; }

    /// <summary>Seconds that were booked without its word, when it seemed lost.</summary>
    public double Booked { get; set; }

    /// <summary>Whether it has left.</summary>
    public bool IsFinal { get; set; }

    /// <summary>Whether it is counted as lost.</summary>
    public bool IsLost { get; set; }
}
