using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Collectives;
using Orchestrator.Engine.Checkpoints;
using Orchestrator.Engine.Resident;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Ledger;

namespace Orchestrator.Engine.Tests;

/// <summary>A job on engines without a silo: the coordinator decides in a loop, orders and reports are plain calls. What the grains add is not here.</summary>
sealed class Rehearsal : IAsyncDisposable
{
    readonly BlockingCollection<JobEvent> events = [];
    readonly ConcurrentDictionary<string, TrainingEngine> engines = new();
    readonly ResidentBases bases = new();
    readonly Func<string, Link> links;
    readonly ConcurrentDictionary<string, Link> linked = new();
    readonly JobAssignment job;
    readonly Thread coordinator;
    readonly TaskCompletionSource<JobState> over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly ConcurrentDictionary<long, TaskCompletionSource<bool>> reached = new();
    JobState state = new();

    DateTimeOffset now = DateTimeOffset.UnixEpoch;

    /// <summary>A process's ways to the others.</summary>
    public sealed record Link(IGradientExchange Exchange, StateCopy Copies, Uri Address);

    /// <param name="plan">the job</param>
    /// <param name="folder">its run's folder</param>
    /// <param name="links">the processes by name; without it they exchange in memory, and only a process's own workers can copy a state</param>
    /// <param name="trace">the span that the workers' spans belong to</param>
    public Rehearsal(JobPlan plan, string folder, Func<string, Link>? links = null, string? trace = null)
    {
        var exchange = new InMemoryExchange();
        this.links = links ?? (name => new Link(exchange, new StateCopy(new ExchangeOptions()), new Uri($"http://{name}")));
        job = new JobAssignment(plan, folder) { Trace = trace };
        var checkpoint = Newest(plan.Last);
        coordinator = new Thread(Coordinate) { IsBackground = true };
        events.Add(new JobEvent.Started(checkpoint));
        coordinator.Start();
    }

    public SortedDictionary<long, LedgerLine> Ledger { get; } = [];

    public List<string> Reasons { get; } = [];

    public List<string> Damaged { get; } = [];

    public List<WorkerId> Quarantined { get; } = [];

    /// <summary>How many micro-batches a step's deal gives a worker by now; 0 for a stranger.</summary>
    public int ShareOf(string process, int slot)
    {
        lock (Ledger)
            return state.Deal?.Of(new WorkerId(process, slot)).Count ?? 0;
    }

    /// <summary>A process's engine, for drills.</summary>
    public TrainingEngine Engine(string process) => engines[process];

    public string Name => job.Name;

    /// <summary>Puts another deal in the place of the coordinator's; the same for all workers of a generation.</summary>
    public Func<Generation, Deal, Deal>? Redeal { get; init; }

    /// <summary>Hears every step, on the thread of the worker that tells it.</summary>
    public Action<StepReport>? Watch { get; init; }

    public Task<JobState> Over => Within(over.Task);

    static readonly TimeSpan patience = TimeSpan.FromMinutes(5);

    // A rehearsal that stands still says where.
    async Task<T> Within<T>(Task<T> what)
    {
        try
        {
            return await what.WaitAsync(patience);
        }
        catch (TimeoutException)
        {
            string[] reasons;
            lock (Reasons)
                reasons = [.. Reasons.TakeLast(25)];
            throw new TimeoutException($"after step {(Ledger.Count > 0 ? Ledger.Keys.Last() : 0)}:\n{string.Join('\n', reasons)}\n{state}\n{string.Join('\n', state.Workers)}");
        }
    }

    /// <summary>Adds a process with some slots; more are offered later by another call.</summary>
    public void Offer(params (string Process, int Slots)[] processes)
    {
        foreach (var (process, _) in processes)
        {
            engines.GetOrAdd(process, name => new TrainingEngine(new EngineOptions { Process = name, CacheFolder = Path.Combine(job.Folder, "cache") },
                bases, LinkOf(name).Exchange, new StateShelf(LinkOf(name).Copies), NullLogger<TrainingEngine>.Instance));
        }
        events.Add(new JobEvent.Offered([.. processes.SelectMany(process => Enumerable.Range(0, process.Slots)
            .Select(slot => new WorkerOffer(new WorkerId(process.Process, slot), LinkOf(process.Process).Address)))]));
    }

    Link LinkOf(string process) => linked.GetOrAdd(process, links);

    /// <summary>Tells the coordinator that so much time has passed.</summary>
    public void Pass(TimeSpan time)
    {
        now += time;
        events.Add(new JobEvent.TimePassed());
    }

    /// <summary>Waits for an event that a worker tells.</summary>
    public Task Told(Func<JobEvent, bool> what)
    {
        var heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (told)
        {
            if (told.Any(what))
                heard.SetResult();
            else
                waits.Add((what, heard));
        }
        return heard.Task.WaitAsync(patience);
    }

    readonly Stopwatch age = Stopwatch.StartNew();
    readonly JobAccounts accounts = new(new StoredAccounts(), TimeSpan.Zero);

    /// <summary>Where the workers' time went, by what they told.</summary>
    public WorkerSeconds Seconds
    {
        get
        {
            lock (accounts)
                return accounts.At(age.Elapsed);
        }
    }

    /// <summary>When workers came and went, measured beside their clocks.</summary>
    public ConcurrentQueue<(WorkerId Worker, TimeSpan From, TimeSpan Until)> Stays { get; } = [];

    /// <summary>Ends when the last worker has left.</summary>
    public Task AllLeft => Within(Task.Run(async () =>
    {
        while (engines.Values.Any(engine => engine.WorkersOf(job.Name).Count > 0))
            await Task.Yield();
        return true;
    }));

    readonly List<JobEvent> told = [];
    readonly List<(Func<JobEvent, bool> What, TaskCompletionSource Heard)> waits = [];

    void Hear(JobEvent what)
    {
        lock (told)
        {
            told.Add(what);
            foreach (var (_, heard) in waits.Where(wait => wait.What(what)))
                heard.TrySetResult();
        }
    }

    public void Suspend() => events.Add(new JobEvent.SuspendRequested());

    public bool Kill(string process, int slot) => engines[process].Kill(job.Name, new WorkerId(process, slot));

    public Task Reaches(long step) => Within(reached.GetOrAdd(step, _ => new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously)).Task);

    void Coordinate()
    {
        try
        {
            foreach (var what in events.GetConsumingEnumerable())
            {
                var decision = Coordinator.Decide(job.Plan, state, what, now);
                lock (accounts)
                    accounts.Decided(what, state, decision.State, age.Elapsed);
                lock (Ledger)
                    state = decision.State;
                lock (Reasons)
                    Reasons.Add($"{state.Phase}: {what.GetType().Name}: {decision.Reason}");
                foreach (var order in decision.Orders)
                {
                    if (order is JobOrder.ToWorker to)
                        engines[to.Worker.Silo].Post(to.Worker, job, Dealt(to.Order), _ => new Reports(this, to.Worker));
                    else
                        Carry(order);
                }
                if (state.IsOver || state.Phase == JobPhase.Suspended)
                    over.TrySetResult(state);
            }
        }
        catch (Exception e)
        {
            over.TrySetException(e);
        }
    }

    void Carry(JobOrder order)
    {
        switch (order)
        {
            case JobOrder.Evaluate evaluate:
                events.Add(new JobEvent.Evaluated(evaluate.Step, Ends: false, evaluate.Since));
                break;
            case JobOrder.GoBack back:
                lock (Ledger)
                {
                    foreach (var later in Ledger.Keys.Where(step => step > back.Step.Number).ToList())
                        Ledger.Remove(later);
                }
                CheckpointReader.DropAfter(new RunFolder(job.Folder), back.Step);
                events.Add(new JobEvent.Started(Newest(back.Step), state.WaysBack.Count));
                break;
            case JobOrder.Inspect inspect:
                var newest = Newest(job.Plan.Last);
                events.Add(newest < inspect.Checkpoint ? new JobEvent.Started(newest, state.WaysBack.Count) : new JobEvent.Refused(inspect.Worker, inspect.Generation, inspect.Reason));
                break;
            case JobOrder.Quarantine quarantine:
                lock (Quarantined)
                    Quarantined.Add(quarantine.Worker);
                break;
            default:
                break;
        }
    }

    Step Newest(Step atMost) => CheckpointReader.Newest(new RunFolder(job.Folder), job.Plan, atMost, problem => Damaged.Add(problem.Message));

    Order Dealt(Order order) => order is Order.Begin begin && Redeal is { } redeal
        ? begin with { First = redeal(begin.Generation, begin.First), Later = redeal(begin.Generation, begin.Later) }
        : order;

    public async ValueTask DisposeAsync()
    {
        events.CompleteAdding();
        await Task.Run(() =>
        {
            coordinator.Join();
            foreach (var engine in engines.Values)
                engine.Dispose();
        });
        bases.Dispose();
    }

    /// <summary>The ledger's file as a job's grain would write it.</summary>
    public string LedgerText()
    {
        var (text, chain) = LedgerChain.Append(LedgerChain.Start, LedgerHead.Of(job.Plan));
        var all = new System.Text.StringBuilder(text).Append('\n');
        lock (Ledger)
        {
            foreach (var line in Ledger.Values)
            {
                (text, chain) = LedgerChain.Append(chain, line);
                all.Append(text).Append('\n');
            }
        }
        return all.ToString();
    }

    static string CanonicalLine(LedgerLine line) => LedgerChain.Append(LedgerChain.Start, line).Text;

    sealed class Reports(Rehearsal owner, WorkerId worker) : IJobReports
    {
        readonly TimeSpan came = owner.age.Elapsed;
        WorkerClock? clock;
        bool gone;

        public void Follow(WorkerClock clock) => this.clock = clock;

        void Account()
        {
            lock (owner.accounts)
            {
                if (clock?.Read() is { } account)
                    owner.accounts.Take(account, owner.age.Elapsed);
            }
        }

        void Goes()
        {
            if (gone)
                return;
            gone = true;
            owner.Stays.Enqueue((worker, came, owner.age.Elapsed));
        }

        public void Tell(JobEvent what)
        {
            Account();
            owner.Hear(what);
            if (!owner.events.IsAddingCompleted)
                owner.events.Add(what);
        }

        public void Tell(StepReport step)
        {
            Account();
            owner.Watch?.Invoke(step);
            lock (owner.Ledger)
            {
                if (!owner.state.Counts(step.Generation, new Step(step.Line.Step)))
                    return;
                if (owner.Ledger.TryGetValue(step.Line.Step, out var known))
                    Assert.Equal(CanonicalLine(known), CanonicalLine(step.Line));
                else
                    owner.Ledger.Add(step.Line.Step, step.Line);
            }
            owner.engines[step.Worker.Silo].Acknowledge(owner.job.Name, new Step(step.Line.Step));
            if (!owner.events.IsAddingCompleted)
                owner.events.Add(new JobEvent.Committed(step.Worker, step.Generation, new Step(step.Line.Step)));
            owner.reached.GetOrAdd(step.Line.Step, _ => new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult(true);
        }

        public void Complete()
        {
            Account();
            Goes();
        }
    }
}
