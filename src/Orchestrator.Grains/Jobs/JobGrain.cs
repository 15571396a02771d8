using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Grains.Checkpoints;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Jobs;

/// <inheritdoc cref="IJobGrain"/>
[KeepAlive]
sealed partial class JobGrain(
    [PersistentState("job", "jobs")] IPersistentState<JobRecord> stored,
    IServiceProvider services,
    TimeProvider clock,
    ILogger<JobGrain> log) : Grain, IJobGrain, IDisposable
{
    static readonly TimeSpan tick = TimeSpan.FromSeconds(1);

    readonly Channel<Heard> events = Channel.CreateUnbounded<Heard>();
    readonly CancellationTokenSource stopping = new();
    readonly SemaphoreSlim deciding = new(1);      // the record changes under it: a decision is made of what is stored
    readonly SortedSet<Step> evaluationsWanted = [];
    IJobEvents news = new NewsBoard();
    WorkerOrders? orders;
    LedgerFile? ledger;
    MetricsFile? metrics;
    JobTelemetry? telemetry;
    Task? loop;
    string? refusal;
    string? ledgerFault;
    string? fault;      // why nothing can be decided just now

    readonly record struct Heard(JobEvent What, EvaluationResult? Evaluation = null, Generation Since = default);

    JobRecord Record => stored.State;

    JobAssignment Job => Record.Job ?? throw new InvalidOperationException($"{this.GetPrimaryKeyString()} was not submitted");

    /// <inheritdoc/>
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (Record.Spec is not null)
            OpenEvents();
        if (Record.Job is not null && (Record.Spec is null || !Record.State.IsOver))
            await Begin();
    }

    /// <inheritdoc/>
    public async Task Submit(JobAssignment job)
    {
        if (Record.Job is { } known && known.Plan.Digests != job.Plan.Digests)
            throw new ProblemException($"job {job.Name}", "another job under this name", "the same spec, data and base as before", "give it another name");
        // The same result; perhaps other numbers of workers and checkpoints.
        await Change(record => record with { Job = job, State = record.State.IsOver ? record.State.Again() : record.State });
        if (loop is null)
            await Begin();
    }

    // Everything that a fresh activation needs, and the event that makes the coordinator go on from what is on disk.
    async Task Begin()
    {
        telemetry ??= new JobTelemetry(services.GetRequiredService<Metrics>(), Job, Record.Accounts, Record.State, clock);
        orders ??= new WorkerOrders(GrainFactory, () => telemetry.Traced(Job), what => events.Writer.TryWrite(new Heard(what)));
        ledger ??= LedgerFile.Open(new RunFolder(Job.Folder), Job.Plan, TellForgotten);
        var started = await StartFromDisk();
        metrics ??= MetricsFile.Open(new RunFolder(Job.Folder));
        WantEvaluations();
        SummaryFile.Write(Job, Record.State, Record.Evaluations, ledger.Last, metrics.Totals, workers: 0, telemetry.Seconds);
        events.Writer.TryWrite(new Heard(started));
        loop ??= Run();
    }

    async Task<Step> NewestCheckpoint()
    {
        var found = await GrainFactory.GetGrain<ICheckpointGrain>(this.GetPrimaryKeyString()).Open(Job, ledger!.Written);
        foreach (var damage in found.Damaged)
            Note($"a checkpoint is passed over: {damage}");
        return found.Newest;
    }

    // On the activation's scheduler but no request: it blocks neither calls nor deactivation.
    async Task Run()
    {
        await Task.Yield();
        var patience = Tick();
        try
        {
            await foreach (var heard in events.Reader.ReadAllAsync(stopping.Token))
                await Settle(heard);
        }
        catch (OperationCanceledException)
        {
        }
        catch (Exception e)
        {
            LogLoopEnded(this.GetPrimaryKeyString(), e);
            DeactivateOnIdle();      // the next activation reads what is stored and goes on
        }
        await patience;
    }

    async Task Tick()
    {
        try
        {
            using var timer = new PeriodicTimer(tick, clock);
            while (await timer.WaitForNextTickAsync(stopping.Token))
            {
                if (events.Reader.Count == 0)
                    events.Writer.TryWrite(new Heard(new JobEvent.TimePassed()));
                AskForEvaluations();
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <inheritdoc/>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        events.Writer.TryComplete();
        if (loop is { IsCompleted: false })
            await Task.WhenAny(loop, Task.Delay(tick, CancellationToken.None));      // a decision in hand is finished, or was not made
        ledger?.Dispose();
        metrics?.Dispose();
        telemetry?.Dispose();
        news.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        stopping.Dispose();
        deciding.Dispose();
    }

    [LoggerMessage(EventName = "JobLoopEnded", Level = LogLevel.Error, Message = "{Job}: the coordinator's loop ended; it starts again from what is stored")]
    partial void LogLoopEnded(string job, Exception exception);
}
