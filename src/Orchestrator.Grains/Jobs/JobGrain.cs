using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Grains.Checkpoints;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orleans.Storage;

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
    static readonly TimeSpan retryPauseMin = TimeSpan.FromMilliseconds(200);
    static readonly TimeSpan retryPauseMax = TimeSpan.FromSeconds(2);

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
    string? fault;      // why nothing can be decided just now

    readonly record struct Heard(JobEvent What, EvaluationResult? Evaluation = null);

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
        await Change(record => record with { Job = job, State = record.State.IsOver ? new JobState() : record.State });
        if (loop is null)
            await Begin();
    }

    // Everything that a fresh activation needs, and the event that makes the coordinator go on from what is on disk.
    async Task Begin()
    {
        telemetry ??= new JobTelemetry(services.GetRequiredService<Metrics>(), Job, Record.Accounts, Record.State, clock);
        orders ??= new WorkerOrders(GrainFactory, () => telemetry.Traced(Job), what => events.Writer.TryWrite(new Heard(what)));
        ledger ??= LedgerFile.Open(new RunFolder(Job.Folder), Job.Plan, TellForgotten);
        var checkpoint = await NewestCheckpoint();
        metrics ??= MetricsFile.Open(new RunFolder(Job.Folder));
        WantEvaluations();
        SummaryFile.Write(Job, Record.State, Record.Evaluations, ledger.Last, metrics.Totals, workers: 0, telemetry.Seconds);
        events.Writer.TryWrite(new Heard(new JobEvent.Started(checkpoint)));
        loop ??= Run();
    }

    async Task<Step> NewestCheckpoint()
    {
        var found = await GrainFactory.GetGrain<ICheckpointGrain>(this.GetPrimaryKeyString()).Open(Job, ledger!.Written, Record.Evaluations.ToArray());
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

    // An event waits until it is decided on and saved: training goes on meanwhile.
    async Task Settle(Heard heard)
    {
        var pause = retryPauseMin;
        for (var readAnew = false; ; readAnew = true)
        {
            try
            {
                if (readAnew && !await ReadAnew() && fault is null)
                    return;      // it speaks of a generation that is not on record: of a job that had this name before
                if (await Advance(heard))
                {
                    fault = null;
                    return;
                }
                fault = null;
            }
            catch (Exception e) when (e is not OperationCanceledException and not SupersededException)
            {
                if (fault != e.Message)
                    LogUndecided(this.GetPrimaryKeyString(), fault = e.Message);
                await Task.Delay(pause, clock, stopping.Token);
                pause = pause * 2 < retryPauseMax ? pause * 2 : retryPauseMax;
            }
        }
    }

    // Another activation may have decided, or a save that seemed to fail may not have: what is stored counts, and whoever finds it changed begins with it.
    async Task<bool> ReadAnew()
    {
        await deciding.WaitAsync(stopping.Token);
        string? known;
        try
        {
            known = stored.Etag;
            await stored.ReadStateAsync();
        }
        finally
        {
            deciding.Release();
        }
        if (stored.Etag == known)
            return false;
        if (Record.Job is null)
            throw new SupersededException("the job was deleted");
        return await Advance(new Heard(new JobEvent.Started(await NewestCheckpoint())));
    }

    // False where somebody else has decided since: nothing was done.
    async Task<bool> Advance(Heard heard)
    {
        await deciding.WaitAsync(stopping.Token);
        try
        {
            var before = Record;
            var next = heard.Evaluation is { } evaluation ? With(before, evaluation) : before;
            var decision = Coordinator.Decide(Job.Plan, before.State, heard.Evaluation is null ? heard.What : Judged(next, heard.Evaluation.Step), clock.GetUtcNow());
            if (decision.IsStale)
                return false;
            (next, decision) = await Delivered(next, decision);
            var quiet = next with { State = next.State with { Committed = before.State.Committed, FruitlessGenerations = before.State.FruitlessGenerations } };
            if (decision.Orders.Count > 0 || quiet != before || telemetry!.IsUnsaved)
                await Save(next);      // no order runs ahead of its record
            else
                stored.State = next;
            telemetry!.Decided(heard.What, before.State, decision);
            foreach (var order in decision.Orders)
                Carry(order);
            Publish(before, next, heard, decision);
            return true;
        }
        finally
        {
            deciding.Release();
        }
    }

    // A job is completed once its result lies where it belongs: before that is so, nothing says it is.
    async Task<(JobRecord, JobDecision)> Delivered(JobRecord record, JobDecision decision)
    {
        if (decision.State.Phase != JobPhase.Completed || Record.State.IsOver)
            return (record with { State = decision.State }, decision);
        try
        {
            await GrainFactory.GetGrain<ICheckpointGrain>(this.GetPrimaryKeyString()).Deliver(decision.State.Through);
            var adapter = new RunFolder(Job.Folder).Adapter;
            var digest = await Task.Run(() => new FileDigests(cacheFolder: null).Sha256(adapter));
            return (record with { State = decision.State, AdapterSha256 = digest }, decision);
        }
        catch (ProblemException problem)
        {
            var reason = $"all steps are done, but the adapter could not be written: {problem.Message}";
            var state = decision.State with { Phase = JobPhase.Failed, Reason = reason };
            return (record with { State = state }, decision with { State = state, Reason = reason });
        }
    }

    void Carry(JobOrder order)
    {
        switch (order)
        {
            case JobOrder.ToWorker to:
                orders!.Send(to.Worker, to.Order);
                break;
            case JobOrder.Evaluate evaluate:
                evaluationsWanted.Add(evaluate.Step);
                AskForEvaluations();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(order), order, "no order of a job");
        }
    }

    async Task Save(JobRecord next)
    {
        var before = stored.State;
        stored.State = telemetry is null ? next : next with { Accounts = telemetry.Saving() };
        try
        {
            await stored.WriteStateAsync();
        }
        catch
        {
            stored.State = before;
            telemetry?.NotSaved();
            throw;
        }
    }

    // A change that a call asks for: saved, or not done.
    async Task Change(Func<JobRecord, JobRecord> change)
    {
        await deciding.WaitAsync(stopping.Token);
        try
        {
            await Save(change(Record));
        }
        catch (InconsistentStateException)
        {
            await stored.ReadStateAsync();
            await Save(change(Record));
        }
        catch (Exception e) when (e is not OperationCanceledException and not ProblemException)
        {
            throw UnavailableException.Storing($"job {this.GetPrimaryKeyString()}", e);
        }
        finally
        {
            deciding.Release();
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

    [LoggerMessage(EventName = "Decided", Level = LogLevel.Information, Message = "{Job}: {Phase}: {Reason}")]
    partial void LogDecided(string job, JobPhase phase, string reason);

    [LoggerMessage(EventName = "Undecided", Level = LogLevel.Warning, Message = "{Job}: nothing can be decided, training goes on: {Reason}")]
    partial void LogUndecided(string job, string reason);

    [LoggerMessage(EventName = "JobLoopEnded", Level = LogLevel.Error, Message = "{Job}: the coordinator's loop ended; it starts again from what is stored")]
    partial void LogLoopEnded(string job, Exception exception);
}
