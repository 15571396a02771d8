using Microsoft.Extensions.Logging;
using Orchestrator.Collectives;
using Orchestrator.Engine.Resident;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine;

/// <summary>What computes in a process: its workers, and what they share. It knows no Orleans; orders come in through <see cref="Post"/>, reports go out through <see cref="IJobReports"/>.</summary>
public sealed class TrainingEngine : IDisposable
{
    readonly EngineOptions options;
    readonly ResidentBases bases;
    readonly IGradientExchange exchange;
    readonly StateShelf shelf;
    readonly EngineLog log;
    readonly Lock gate = new();
    readonly Dictionary<string, JobPresence> jobs = [];
    readonly Dictionary<(string Job, WorkerId Worker), (WorkerSlot Slot, IJobReports Reports)> slots = [];

    /// <param name="options">settings</param>
    /// <param name="bases">the process's frozen bases</param>
    /// <param name="exchange">the way to the other processes</param>
    /// <param name="shelf">the states that other processes copy from this one</param>
    /// <param name="log">where failures are told</param>
    public TrainingEngine(EngineOptions options, ResidentBases bases, IGradientExchange exchange, StateShelf shelf, ILogger<TrainingEngine> log)
        => (this.options, this.bases, this.exchange, this.shelf, this.log) = (options, bases, exchange, shelf, new EngineLog(log));

    /// <summary>Whether the process is going down.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Hands an order to a worker of this process; a worker comes to be with its first order.</summary>
    public void Post(WorkerId worker, JobAssignment job, Order order, Func<JobAssignment, IJobReports> reports)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(order);
        ArgumentNullException.ThrowIfNull(reports);
        lock (gate)
        {
            if (IsClosed)
                return;
            if (!slots.TryGetValue((job.Name, worker), out var known))
            {
                if (order is Order.Release)
                    return;
                if (!jobs.TryGetValue(job.Name, out var presence))
                    jobs.Add(job.Name, presence = new JobPresence(job, options, bases, exchange, shelf, log));
                var way = reports(job);
                var slot = new WorkerSlot(worker, presence, way) { Left = left => Leave(job.Name, left) };
                slots.Add((job.Name, worker), known = (slot, way));
                slot.Start();
            }
            known.Slot.Post(order);
        }
    }

    /// <summary>A job's ledger is on disk up to this step: its workers need keep no line before it.</summary>
    public void Acknowledge(string job, Step written)
    {
        lock (gate)
        {
            foreach (var ((name, _), (slot, _)) in slots)
            {
                if (name == job)
                    slot.Acknowledge(written);
            }
        }
    }

    /// <summary>The workers of a job in this process.</summary>
    public IReadOnlyList<WorkerId> WorkersOf(string job)
    {
        lock (gate)
            return [.. slots.Keys.Where(key => key.Job == job).Select(key => key.Worker).Order()];
    }

    /// <summary>Ends a worker's thread in the middle of what it does, as a fault of its accelerator would; what it has not handed over is gone. For drills.</summary>
    /// <returns>whether there was such a worker</returns>
    public bool Kill(string job, WorkerId worker)
    {
        lock (gate)
        {
            if (!slots.TryGetValue((job, worker), out var known))
                return false;
            known.Slot.Vanish();
            return true;
        }
    }

    void Leave(string job, WorkerSlot slot)
    {
        JobPresence? abandoned = null;
        lock (gate)
        {
            if (slots.TryGetValue((job, slot.Me), out var known) && known.Slot == slot)
            {
                slots.Remove((job, slot.Me));
                if (slot.IsVanished && !IsClosed)
                    known.Reports.Tell(new JobEvent.Lost(slot.Me.Silo, slot.Me.Slot, slot.Generation, "its thread ended"));
                known.Reports.Complete();
            }
            if (slots.Keys.All(key => key.Job != job))
                jobs.Remove(job, out abandoned);
        }
        log.Left(job, slot.Me);
        abandoned?.Dispose();
    }

    /// <summary>Stops every worker at once.</summary>
    public void Dispose()
    {
        List<(WorkerSlot Slot, IJobReports Reports)> all;
        lock (gate)
        {
            IsClosed = true;
            all = [.. slots.Values];
        }
        foreach (var (slot, _) in all)
            slot.Dispose();
    }
}
