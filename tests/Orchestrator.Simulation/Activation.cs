using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Simulation;

/// <summary>An activation of the coordinator: takes one event after the other, saves what it decides, then carries the orders.</summary>
sealed class Activation(Cluster cluster, JobHost host, JobState state, long etag)
{
    readonly Queue<Report> inbox = new();
    List<Line> ledger = Cut(cluster, state);
    TimeSpan clockIsOffBy = TimeSpan.FromMinutes(cluster.World.Chance.Between(-60, 60));      // each server's clock is its own
    readonly SortedDictionary<long, Line> ahead = [];      // lines that came before those before them
    IReadOnlyList<WorkerOffer> offered = [];
    long offeredAt = long.MinValue;
    bool busy, closed;

    /// <summary>Begins from what is saved.</summary>
    public void Wake() => Hear(new Report(new JobEvent.Started(cluster.Disk.Newest, state.WaysBack.Count), null, []));

    // What was to be dropped when the one before died.
    static List<Line> Cut(Cluster cluster, JobState state)
    {
        if (state.GoingBack is { } goal && cluster.Disk.Job == state)
            cluster.Disk.Cut(goal);
        return cluster.Disk.Ledger;
    }

    /// <summary>Its server's clock is set.</summary>
    public void SetClock(TimeSpan by) => clockIsOffBy += by;

    /// <summary>Time passes.</summary>
    public void Tick()
    {
        var offer = cluster.Offer();
        if (!offer.SequenceEqual(offered) || cluster.World.Now - offeredAt > 2_000_000)
        {
            (offered, offeredAt) = (offer, cluster.World.Now);
            Hear(new Report(new JobEvent.Offered(offer), null, []));
        }
        Hear(new Report(new JobEvent.TimePassed(), null, []));
        foreach (var quarantined in cluster.IsHealed ? cluster.Disk.Job.Quarantined : [])
            Hear(new Report(new JobEvent.Pardoned(quarantined.Worker), null, []));
        if (host.Wish is { } wish)
            Hear(new Report(wish, null, []));
    }

    public void Hear(Report report)
    {
        inbox.Enqueue(report);
        Pump();
    }

    /// <summary>Ends it, and gives what it did not come to.</summary>
    public IEnumerable<Report> Close()
    {
        closed = true;
        return inbox;
    }

    void Pump()
    {
        while (!busy && !closed && inbox.TryPeek(out var report))
        {
            if (ledger != cluster.Disk.Ledger)
            {
                cluster.World.Say($"a coordinator finds another ledger than the one it wrote, and gives up");
                host.End(this);
                return;
            }
            if (report.What is JobEvent.SuspendRequested or JobEvent.ResumeRequested && report.What != host.Wish)
            {
                inbox.Dequeue();
                continue;
            }
            Record(report);
            var before = state;
            var decision = Coordinator.Decide(cluster.Plan, state, Mutated(report.What), cluster.World.Time + clockIsOffBy);
            if (cluster.Mutant == Mutant.ForgetsToAskAfterReturn && report.What is JobEvent.Started && state.Workers.Count > 0)
                decision = new JobDecision(state, [], "back");
            if (decision.IsStale)
            {
                cluster.World.Say($"a coordinator learns that another has saved, and gives up");
                host.End(this);
                return;
            }
            if (decision.State == before)
            {
                inbox.Dequeue();
                host.Granted(report.What);
                Carry(decision);
                continue;
            }
            busy = true;
            if (cluster.Mutant == Mutant.SendsBeforeSaving)
                Carry(decision);
            cluster.World.After(cluster.World.Chance.Between(200, 5_000), () => Save(report, decision));
        }
    }

    void Save(Report report, JobDecision decision)
    {
        cluster.World.Pass("saving");
        if (closed)
            return;
        if (cluster.Disk.DatabaseDownUntil > cluster.World.Now)
        {
            cluster.World.After(200_000, () => Save(report, decision));
            return;
        }
        if (cluster.Disk.ETag != etag && cluster.Mutant != Mutant.SavesWithoutETag)
        {
            cluster.World.Say($"a coordinator finds that another has saved, and gives up");
            host.End(this);
            return;
        }
        inbox.Dequeue();
        host.Granted(report.What);
        Oracle.Saves(cluster.Disk.Job, decision.State);
        (state, cluster.Disk.Job) = (decision.State, decision.State);
        etag = ++cluster.Disk.ETag;
        cluster.World.Say($"{report.What.GetType().Name}: {state.Phase}, generation {state.Generation}: {decision.Reason}");
        cluster.World.Pass("saved");
        if (cluster.Mutant != Mutant.SendsBeforeSaving)
            Carry(decision);
        busy = false;
        Pump();
    }

    void Carry(JobDecision decision)
    {
        foreach (var order in decision.Orders)
        {
            if (closed)
                return;      // the rest is never sent
            switch (order)
            {
                case JobOrder.ToWorker toWorker:
                    cluster.Oracle.Orders(toWorker.Worker, toWorker.Order, cluster.Disk.Job);
                    Deliver(toWorker.Worker, Mutated(toWorker.Order));
                    if (cluster.World.Chance.Happens(cluster.Schedule.Doubled))
                        Deliver(toWorker.Worker, Mutated(toWorker.Order));
                    break;
                case JobOrder.GoBack back:
                    cluster.World.After(cluster.World.Chance.Between(1_000, 50_000), () => Drop(back.Step));
                    break;
                case JobOrder.Inspect inspect:
                    cluster.World.After(cluster.World.Chance.Between(1_000, 50_000), () => Inspect(inspect));
                    break;
                case JobOrder.Quarantine quarantine:
                    cluster.Oracle.Convicts(quarantine.Worker, quarantine.Reason);
                    break;
                case JobOrder.Evaluate evaluate:
                    if (cluster.Disk.Job.Checkpoint < evaluate.Step)
                        throw new ViolationException(5, $"step {evaluate.Step} is to be evaluated, but the newest checkpoint is of step {cluster.Disk.Job.Checkpoint}");
                    cluster.World.After(cluster.World.Chance.Between(10_000, 300_000), () => host.Hear(new Report(
                        new JobEvent.Evaluated(evaluate.Step, cluster.Schedule.StopsEarly && evaluate.Step.Number == cluster.Schedule.EndsAt, evaluate.Since), null, [])));
                    break;
            }
            cluster.World.Pass("ordered");
        }
    }

    void Contradict(Line line)
    {
        if (cluster.Schedule.Miscomputes is null)
            throw new ViolationException(1, $"two lines of step {line.Step} differ");
        inbox.Enqueue(new Report(new JobEvent.Contradicted(new Step(line.Step), line.Generation, "two lines differ"), null, []));
    }

    void Drop(Step certain)
    {
        if (closed)
            return;
        cluster.World.Pass("dropped");
        if (closed || state.GoingBack != certain || cluster.Disk.ETag != etag)
            return;      // only who has saved last may drop anything
        if (cluster.Mutant == Mutant.GoesBackToTheNewest)
            certain = cluster.Disk.Newest;
        cluster.Oracle.GoesBack(certain, cluster.Disk.Ledger);
        cluster.Disk.Cut(certain);
        ahead.Clear();
        ledger = cluster.Disk.Ledger;
        Hear(new Report(new JobEvent.Started(cluster.Disk.Newest, state.WaysBack.Count), null, []));
    }

    void Inspect(JobOrder.Inspect inspect)
    {
        if (closed)
            return;
        JobEvent found = cluster.Disk.Newest is var newest && newest != inspect.Checkpoint
            ? new JobEvent.Started(newest, state.GoingBack is null ? state.WaysBack.Count : 0)
            : new JobEvent.Refused(inspect.Worker, inspect.Generation, inspect.Reason);
        Hear(new Report(found, null, []));
    }

    void Deliver(WorkerId worker, Order order) => cluster.World.After(cluster.Delay(), () =>
    {
        var process = cluster.Process(worker.Silo);
        if (process.IsUp && process.CutUntil <= cluster.World.Now)
        {
            cluster.World.Say($"    {worker} is told: {Told(order)}");
            process.After(0, () => process.Take(worker, order));
        }
        else if (order is not Order.Release)
        {
            cluster.World.After(cluster.World.Chance.Between(50_000, 1_000_000),
                () => host.Hear(new Report(new JobEvent.Lost(worker.Silo, null, order.Generation, "an order could not be delivered"), null, [])));
        }
    });

    static string Told(Order order) => order switch
    {
        Order.Begin begin => $"begin generation {begin.Generation} from step {begin.Base} by {begin.Source.GetType().Name} to step {begin.Through}; {begin.First}",
        _ => order.ToString(),
    };

    JobEvent Mutated(JobEvent what) => (cluster.Mutant, what) switch
    {
        (Mutant.OldStatesCount, JobEvent.Stood stood) => stood with { Standing = stood.Standing with { In = state.Since } },
        (Mutant.AuditsNotHeardAtTheEnd, JobEvent.Stood stood) => stood with { Standing = stood.Standing with { Audits = [] } },
        _ => what,
    };

    Order Mutated(Order order)
    {
        if (cluster.Mutant == Mutant.OldStatesCount && order is Order.Begin trusting)
            return trusting with { Since = Generation.None };
        if (cluster.Mutant != Mutant.LostLeavesNotDealt || order is not Order.Begin begin || begin.First == begin.Later)
            return order;
        return begin with { First = begin.First with { Shares = [.. begin.First.Shares.Select((share, k) => k == begin.First.Shares.Count - 1 ? share with { Leaves = [] } : share)] } };
    }

    // The ledger grows by the next line only. A line that is there already must be the same, whoever tells it.
    void Record(Report report)
    {
        foreach (var line in report.Lines)
        {
            if (!state.Counts(line.Generation, new Step(line.Step)) && cluster.Mutant != Mutant.LateLinesCount)
                continue;
            cluster.Oracle.Line(line);
            if (cluster.Mutant == Mutant.LedgerAppendedBlindly)
            {
                if (ledger.Count == 0 || ledger[^1].State != line.State)
                    ledger.Add(line);
                continue;
            }
            if (line.Step > ledger.Count)
                ahead[line.Step] = line;
            else if (ledger[(int)line.Step - 1].State != line.State)
                Contradict(line);
        }
        while (ahead.Count > 0 && ahead.First().Value is var next && next.Step <= ledger.Count + 1)
        {
            ahead.Remove(next.Step);
            if (next.Step == ledger.Count + 1)
                ledger.Add(next);
        }
        if (report.From is { } worker && report.Lines.Count > 0)
        {
            var written = (long)ledger.Count;
            var process = cluster.Process(worker.Silo);
            process.After(cluster.Delay(), () => process.Acknowledge(worker.Slot, written));
        }
    }
}
