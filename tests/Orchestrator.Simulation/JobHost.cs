using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Simulation;

/// <summary>What reaches the coordinator.</summary>
/// <param name="What">the event</param>
/// <param name="From">the worker whose lines these are</param>
/// <param name="Lines">of the ledger, which the job may not have yet</param>
sealed record Report(JobEvent What, WorkerId? From, IReadOnlyList<Line> Lines);

/// <summary>The place where a coordinator is active: usually one activation, none after its silo died, two when the cluster is of two minds.</summary>
sealed class JobHost(Cluster cluster)
{
    readonly List<Activation> activations = [];
    readonly Queue<Report> undelivered = new();
    readonly Queue<JobEvent> wishes = new();      // of the user, who repeats each until it is done, one after the other

    /// <summary>Starts; from then on somebody looks twice a second whether the coordinator is there.</summary>
    public void Open()
    {
        if (activations.Count == 0)
            Activate();
        foreach (var activation in activations.ToList())
            activation.Tick();
        cluster.World.After(500_000, Open);
    }

    /// <summary>Another activation reads what is saved and believes that it is the only one.</summary>
    public void Activate()
    {
        var activation = new Activation(cluster, this, cluster.Disk.Job, cluster.Disk.ETag);
        cluster.World.Say($"a coordinator wakes, generation {cluster.Disk.Job.Generation}, {cluster.Disk.Job.Phase}");
        activations.Add(activation);
        activation.Wake();
        DeliverWhatWaits();
    }

    /// <summary>Something reaches whoever is active.</summary>
    public void Hear(Report report)
    {
        if (activations.Count == 0)
            undelivered.Enqueue(report);
        else
            cluster.World.Chance.Of(activations).Hear(report);
    }

    /// <summary>The user wants something.</summary>
    public void Ask(JobEvent wish) => wishes.Enqueue(wish);

    /// <summary>What the user wants now.</summary>
    public JobEvent? Wish => wishes.TryPeek(out var wish) ? wish : null;

    /// <summary>The user's wish is saved.</summary>
    public void Granted(JobEvent wish)
    {
        if (Wish == wish)
            wishes.Dequeue();
    }

    /// <summary>The clocks of the servers with a coordinator are set.</summary>
    public void SetClocks(TimeSpan by)
    {
        foreach (var activation in activations)
            activation.SetClock(by);
    }

    /// <summary>All activations are gone, with what they were told but had not saved, or half of it.</summary>
    public void Crash()
    {
        if (activations.Count == 0)
            return;
        cluster.World.Say($"the coordinator dies");
        foreach (var activation in activations.ToList())
            End(activation, dies: true);
    }

    /// <summary>An activation ends; what it had not decided on is told again, unless it died: then half of it is lost.</summary>
    public void End(Activation activation, bool dies = false)
    {
        activations.Remove(activation);
        foreach (var report in activation.Close())
        {
            // What an audit has found is told again, unless its worker dies as well: two faults at once could hide a third.
            if (!dies || report.What is JobEvent.Audited || cluster.World.Chance.Happens(0.5))
                undelivered.Enqueue(report);
        }
        DeliverWhatWaits();
    }

    // Whoever hears it may find that it is not the only one, and end as well.
    void DeliverWhatWaits()
    {
        while (activations.Count > 0 && undelivered.TryDequeue(out var report))
            Hear(report);
    }
}
