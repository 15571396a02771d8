using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Collectives;
using Orchestrator.Engine.Checkpoints;
using Orchestrator.Engine.Resident;
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
    readonly InMemoryExchange exchange = new();
    readonly JobAssignment job;
    readonly Thread coordinator;
    readonly TaskCompletionSource<JobState> over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly ConcurrentDictionary<long, TaskCompletionSource> reached = new();
    JobState state = new();

    public Rehearsal(JobPlan plan, string folder)
    {
        job = new JobAssignment(plan, folder);
        var checkpoint = CheckpointReader.Newest(new RunFolder(folder), plan, plan.Last, problem => Damaged.Add(problem.Message));
        coordinator = new Thread(Coordinate) { IsBackground = true };
        events.Add(new JobEvent.Started(checkpoint));
        coordinator.Start();
    }

    public SortedDictionary<long, LedgerLine> Ledger { get; } = [];

    public List<string> Reasons { get; } = [];

    public List<string> Damaged { get; } = [];

    public Task<JobState> Over => over.Task.WaitAsync(TimeSpan.FromSeconds(60));

    /// <summary>Adds a process with some slots; more are offered later by another call.</summary>
    public void Offer(params (string Process, int Slots)[] processes)
    {
        foreach (var (process, _) in processes)
        {
            engines.GetOrAdd(process, name => new TrainingEngine(new EngineOptions { Process = name, CacheFolder = Path.Combine(job.Folder, "cache") },
                bases, exchange, new StateShelf(new StateCopy(new ExchangeOptions())), NullLogger<TrainingEngine>.Instance));
        }
        events.Add(new JobEvent.Offered([.. processes.SelectMany(process => Enumerable.Range(0, process.Slots)
            .Select(slot => new WorkerOffer(new WorkerId(process.Process, slot), new Uri($"http://{process.Process}"))))]));
    }

    public void Suspend() => events.Add(new JobEvent.SuspendRequested());

    public bool Kill(string process, int slot) => engines[process].Kill(job.Name, new WorkerId(process, slot));

    public Task Reaches(long step) => reached.GetOrAdd(step, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task.WaitAsync(TimeSpan.FromSeconds(60));

    void Coordinate()
    {
        try
        {
            foreach (var what in events.GetConsumingEnumerable())
            {
                var decision = Coordinator.Decide(job.Plan, state, what, DateTimeOffset.UnixEpoch);
                state = decision.State;
                Reasons.Add($"{state.Phase}: {decision.Reason}");
                foreach (var order in decision.Orders)
                {
                    if (order is JobOrder.ToWorker to)
                        engines[to.Worker.Silo].Post(to.Worker, job, to.Order, _ => new Reports(this));
                    else if (order is JobOrder.Evaluate evaluate)
                        events.Add(new JobEvent.Evaluated(evaluate.Step, Ends: false));
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

    sealed class Reports(Rehearsal owner) : IJobReports
    {
        public void Tell(JobEvent what)
        {
            if (!owner.events.IsAddingCompleted)
                owner.events.Add(what);
        }

        public void Tell(StepReport step)
        {
            lock (owner.Ledger)
            {
                if (owner.Ledger.TryGetValue(step.Line.Step, out var known))
                    Assert.Equal(known.Parameters, step.Line.Parameters);
                else
                    owner.Ledger.Add(step.Line.Step, step.Line);
            }
            Tell(new JobEvent.Committed(step.Worker, step.Generation, new Step(step.Line.Step)));
            owner.reached.GetOrAdd(step.Line.Step, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        }

        public void Complete()
        {
        }
    }
}
