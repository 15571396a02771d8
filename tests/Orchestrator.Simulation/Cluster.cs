using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Simulation;

/// <summary>The processes, the disk, the coordinator and the network between them.</summary>
sealed class Cluster
{
    readonly SortedDictionary<string, SimProcess> processes = new(StringComparer.Ordinal);

    public Cluster(Schedule schedule, Mutant mutant, World world)
    {
        (Schedule, Mutant, World, Plan) = (schedule, mutant, world, schedule.Plan());
        Oracle = new Oracle(schedule);
        Audits = AuditRule.Of(Plan);
        for (var p = 0; p < schedule.Slots.Count; p++)
            processes.Add($"p{p}", new SimProcess(this, $"p{p}", schedule.Slots[p]));
        Wanted = schedule.Slots.Sum();
        Grain = new JobHost(this);
    }

    public Schedule Schedule { get; }
    public Mutant Mutant { get; }
    public World World { get; }
    public JobPlan Plan { get; }
    public Disk Disk { get; } = new();
    public Oracle Oracle { get; }
    public JobHost Grain { get; }
    public IEnumerable<SimProcess> Processes => processes.Values;

    /// <summary>Whether the faults are over.</summary>
    public bool IsHealed { get; set; }

    /// <summary>Which micro-batches are computed twice.</summary>
    public AuditRule Audits { get; }

    /// <summary>How many workers the user wants.</summary>
    public int Wanted { get; set; }

    public SimProcess Process(string name) => processes[name];

    /// <summary>How long a message takes.</summary>
    public long Delay() => World.Chance.Happens(0.1) ? World.Chance.Between(100, Schedule.SlowNetworkMax) : World.Chance.Between(50, 1_000);

    /// <summary>The workers that the job may have now: those of living processes, as many as are wanted.</summary>
    public IReadOnlyList<WorkerOffer> Offer()
        => [.. processes.Values.Where(process => process.IsUp)
            .SelectMany(process => Enumerable.Range(0, process.Slots).Select(slot => new WorkerOffer(new WorkerId(process.Name, slot), process.Address))).Take(Wanted)];

    /// <summary>A frame from process to process, on a stream that sends it again until a cut is healed; it dies with the process that it was sent to.</summary>
    public void Send(SimProcess from, string to, Frame frame)
    {
        Deliver();
        if (World.Chance.Happens(Schedule.Doubled))
            Deliver();

        void Deliver() => Process(to).After(Delay(), Arrive);

        void Arrive()
        {
            if (Math.Max(from.CutUntil, Process(to).CutUntil) - World.Now is > 0 and var cut)
            {
                Process(to).After(cut + Delay(), Arrive);
                return;
            }
            if (frame is Frame.Gather)
                World.Pass("gathered");
            Process(to).Receive(from.Name, frame);
        }
    }

    /// <summary>A worker tells its job something: later, possibly twice, and not before the cut is healed.</summary>
    public void Tell(SimProcess from, WorkerId worker, JobEvent what, IReadOnlyList<Line> lines)
    {
        Deliver();
        if (World.Chance.Happens(Schedule.Doubled))
            Deliver();

        void Deliver() => World.After(Delay() + Math.Max(0, from.CutUntil - World.Now), () => Grain.Hear(new Report(what, worker, lines)));
    }

    /// <summary>A process died: its peers see its streams break at once, the cluster's membership takes longer.</summary>
    public void Died(SimProcess process)
    {
        foreach (var peer in processes.Values.Where(peer => peer != process))
            peer.After(World.Chance.Between(2_000, 30_000), () => peer.Lose(process.Name));
        World.After(World.Chance.Between(500_000, 1_500_000),
            () => Grain.Hear(new Report(new JobEvent.Lost(process.Name, null, Disk.Job.Generation, "its silo is dead"), null, [])));
    }
}
