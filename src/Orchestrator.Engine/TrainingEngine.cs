using Microsoft.Extensions.Logging;
using Orchestrator.Collectives;
using Orchestrator.Engine.Resident;
using Orchestrator.Engine.Telemetry;
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
    readonly Metrics? metrics;
    readonly Lock gate = new();
    readonly Dictionary<string, JobPresence> jobs = [];
    readonly Dictionary<string, Task> ending = [];      // presences that are being forgotten: the next of the same job begins after them
    readonly Dictionary<(string Job, WorkerId Worker), Seat> slots = [];
    readonly object watching = new();
    Timer? watch;

    /// <param name="options">settings</param>
    /// <param name="bases">the process's frozen bases</param>
    /// <param name="exchange">the way to the other processes</param>
    /// <param name="shelf">the states that other processes copy from this one</param>
    /// <param name="log">where failures are told</param>
    /// <param name="metrics">where times are told</param>
    public TrainingEngine(EngineOptions options, ResidentBases bases, IGradientExchange exchange, StateShelf shelf, ILogger<TrainingEngine> log, Metrics? metrics = null)
        => (this.options, this.bases, this.exchange, this.shelf, this.log, this.metrics) = (options, bases, exchange, shelf, new EngineLog(log), metrics);

    /// <summary>Faults made on purpose.</summary>
    internal Drill Drill { get; } = new();

    /// <summary>Whether the process is going down.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>How many workers of this process are in jobs.</summary>
    public int Workers
    {
        get
        {
            lock (gate)
                return slots.Count;
        }
    }

    /// <summary>Hands an order to a worker of this process; a worker comes to be with its first order.</summary>
    public void Post(WorkerId worker, JobAssignment job, Order order, Func<JobAssignment, IJobReports> reports)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(order);
        ArgumentNullException.ThrowIfNull(reports);
        lock (gate)
            Deliver(worker, job, order, reports);
    }

    void Deliver(WorkerId worker, JobAssignment job, Order order, Func<JobAssignment, IJobReports> reports)
    {
        if (IsClosed)
            return;
        if (!slots.TryGetValue((job.Name, worker), out var seat))
        {
            if (order is Order.Release)
                return;
            if (!jobs.TryGetValue(job.Name, out var presence))
                jobs.Add(job.Name, presence = new JobPresence(job, options, bases, exchange, shelf, log)
                {
                    After = ending.GetValueOrDefault(job.Name, Task.CompletedTask),
                    Metrics = metrics,
                    Drill = (who, step, leaf) => Drill.Strike(job.Name, who, step, leaf),
                });
            var slot = new WorkerSlot(worker, presence, reports(job)) { Left = left => Leave(job, left) };
            slots.Add((job.Name, worker), seat = new Seat(slot, reports));
            slot.Start();
            watch ??= new Timer(_ => LookAfterAll(), null, HangWatch.Period, HangWatch.Period);
        }
        seat.Slot.Post(order, job.Trace);
    }

    /// <summary>A job's ledger is on disk up to this step: its workers need keep no line before it.</summary>
    public void Acknowledge(string job, Step written)
    {
        lock (gate)
        {
            foreach (var ((name, _), seat) in slots)
            {
                if (name == job)
                    seat.Slot.Acknowledge(written);
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
            if (!slots.TryGetValue((job, worker), out var seat))
                return false;
            seat.Slot.Vanish();
            return true;
        }
    }

    /// <summary>From now on a worker computes some micro-batches wrong, by one bit of the gradient, as a broken accelerator would. For drills; it outlives the worker's thread.</summary>
    /// <param name="job">the job</param>
    /// <param name="worker">who</param>
    /// <param name="which">(step, micro-batch) -> whether it is computed wrong</param>
    public void Miscompute(string job, WorkerId worker, Func<Step, int, bool> which) => Drill.Miscompute(job, worker, which);

    // A thread that hangs cannot say so itself.
    void LookAfterAll()
    {
        if (!Monitor.TryEnter(watching))
            return;      // the look before is not over
        try
        {
            List<WorkerSlot> all;
            lock (gate)
                all = [.. slots.Values.Select(seat => seat.Slot)];
            foreach (var slot in all)
                slot.LookAfter();
        }
        finally
        {
            Monitor.Exit(watching);
        }
    }

    // On the slot's own thread, its last act. Orders that came behind its back are for whoever takes its place: nobody would send them again.
    void Leave(JobAssignment job, WorkerSlot slot)
    {
        JobPresence? abandoned = null;
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (gate)
        {
            slots.Remove((job.Name, slot.Me), out var seat);
            if (slot.IsVanished && !IsClosed)
                slot.Reports.Tell(new JobEvent.Lost(slot.Me.Silo, slot.Me.Slot, slot.Generation, "its thread ended"));
            slot.Presence.CompleteAfterWrites(slot.Reports);
            if (slots.Keys.All(key => key.Job != job.Name) && jobs.Remove(job.Name, out abandoned))
                ending[job.Name] = over.Task;
            foreach (var order in slot.Unread)
                Deliver(slot.Me, job, order, seat!.Reports);
        }
        log.Left(job.Name, slot.Me);
        abandoned?.Dispose();
        lock (gate)
        {
            over.SetResult();
            if (ending.TryGetValue(job.Name, out var last) && last == over.Task)
                ending.Remove(job.Name);
        }
    }

    /// <summary>Stops every worker at once.</summary>
    public void Dispose()
    {
        List<WorkerSlot> all;
        lock (gate)
        {
            IsClosed = true;
            watch?.Dispose();
            all = [.. slots.Values.Select(seat => seat.Slot)];
        }
        foreach (var slot in all)
            slot.Stop();
        foreach (var slot in all)
            slot.Dispose();
    }

    sealed record Seat(WorkerSlot Slot, Func<JobAssignment, IJobReports> Reports);
}
