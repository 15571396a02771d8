using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Simulation;

/// <summary>An activation of the coordinator: takes one event after the other, saves what it decides, then carries the orders.</summary>
sealed class Activation(Cluster cluster, JobHost host, JobState state, long etag)
{
    readonly Queue<Report> inbox = new();
    readonly TimeSpan clockIsOffBy = TimeSpan.FromMinutes(cluster.World.Chance.Between(-60, 60));      // each server's clock is its own
    readonly SortedDictionary<long, Line> ahead = [];      // lines that came before those before them
    IReadOnlyList<WorkerOffer> offered = [];
    long offeredAt = long.MinValue;
    bool busy, closed;

    /// <summary>Begins from what is saved.</summary>
    public void Wake() => Hear(new Report(new JobEvent.Started(cluster.Disk.Newest), null, []));

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
            if (report.What is JobEvent.SuspendRequested or JobEvent.ResumeRequested && report.What != host.Wish)
            {
                inbox.Dequeue();
                continue;
            }
            Record(report);
            var before = state;
            var decision = Coordinator.Decide(cluster.Plan, state, report.What, cluster.World.Time + clockIsOffBy);
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
                case JobOrder.Evaluate evaluate:
                    if (cluster.Disk.Job.Checkpoint < evaluate.Step)
                        throw new ViolationException(5, $"step {evaluate.Step} is to be evaluated, but the newest checkpoint is of step {cluster.Disk.Job.Checkpoint}");
                    cluster.World.After(cluster.World.Chance.Between(10_000, 300_000), () => host.Hear(new Report(
                        new JobEvent.Evaluated(evaluate.Step, cluster.Schedule.StopsEarly && evaluate.Step.Number == cluster.Schedule.EndsAt), null, [])));
                    break;
            }
            cluster.World.Pass("ordered");
        }
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

    Order Mutated(Order order)
    {
        if (cluster.Mutant != Mutant.LostLeavesNotDealt || order is not Order.Begin begin || begin.First == begin.Later)
            return order;
        return begin with { First = begin.First with { Shares = [.. begin.First.Shares.Select((share, k) => k == begin.First.Shares.Count - 1 ? share with { Leaves = [] } : share)] } };
    }

    // The ledger grows by the next line only. A line that is there already must be the same, whoever tells it.
    void Record(Report report)
    {
        var ledger = cluster.Disk.Ledger;
        foreach (var line in report.Lines)
        {
            cluster.Oracle.Line(line);
            if (cluster.Mutant == Mutant.LedgerAppendedBlindly)
            {
                if (ledger.Count == 0 || ledger[^1] != line)
                    ledger.Add(line);
                continue;
            }
            if (line.Step > ledger.Count)
                ahead[line.Step] = line;
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
