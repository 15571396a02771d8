using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Grains.Checkpoints;
using Orchestrator.Grains.Evaluation;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Grains.Jobs;

/// <inheritdoc cref="IJobGrain"/>
[KeepAlive]
sealed partial class JobGrain(
    [PersistentState("job", "jobs")] IPersistentState<JobRecord> stored,
    TimeProvider clock,
    ILogger<JobGrain> log) : Grain, IJobGrain, IDisposable
{
    static readonly TimeSpan tick = TimeSpan.FromSeconds(1);

    readonly Channel<JobEvent> events = Channel.CreateUnbounded<JobEvent>(new UnboundedChannelOptions { SingleReader = true });
    readonly CancellationTokenSource stopping = new();
    readonly NewsBoard news = new();
    WorkerOrders? orders;
    LedgerFile? ledger;
    MetricsFile? metrics;
    Task? loop;
    string? refusal;

    JobAssignment Job => stored.State.Job ?? throw new InvalidOperationException($"{this.GetPrimaryKeyString()} was not submitted");

    /// <inheritdoc/>
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (stored.State.Job is not null)
            await Begin();
    }

    /// <inheritdoc/>
    public async Task Submit(JobAssignment job)
    {
        if (stored.State.Job is { } known)
        {
            if (known.Plan.Digests != job.Plan.Digests)
                throw new ProblemException($"job {job.Name}", "another job under this name", "the same spec, data and base as before", "give it another name");
            if (stored.State.State.IsOver)
                stored.State.State = stored.State.State.Again();
        }
        stored.State.Job = job;      // the same result; perhaps other numbers of workers and checkpoints
        await stored.WriteStateAsync();
        if (loop is null)
            await Begin();
    }

    // Everything that a fresh activation needs, and the event that makes the coordinator go on from what is on disk.
    async Task Begin()
    {
        orders ??= new WorkerOrders(GrainFactory, () => Job, what => events.Writer.TryWrite(what));
        ledger ??= LedgerFile.Open(new RunFolder(Job.Folder), Job.Plan);
        var checkpoint = await GrainFactory.GetGrain<ICheckpointGrain>(this.GetPrimaryKeyString()).Open(Job, ledger.Written, stored.State.Evaluations);
        metrics ??= MetricsFile.Open(new RunFolder(Job.Folder));
        if (Job.Plan.ValidationSamples > 0)
            await Carry(new JobOrder.Evaluate(Step.Start, stored.State.State.Since));
        SummaryFile.Write(Job, stored.State.State, stored.State.Evaluations, ledger.Last, metrics.Totals, workers: 0);
        if (stored.State.State.GoingBack is { } goal)
            await GoBack(goal);      // the activation before died with it
        else
            events.Writer.TryWrite(new JobEvent.Started(checkpoint, stored.State.State.WaysBack.Count));
        loop ??= Run();
    }

    // On the activation's scheduler but no request: it blocks neither calls nor deactivation.
    async Task Run()
    {
        await Task.Yield();
        var patience = Tick();
        try
        {
            await foreach (var what in events.Reader.ReadAllAsync(stopping.Token))
                await Advance(what);
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
                events.Writer.TryWrite(new JobEvent.TimePassed());
        }
        catch (OperationCanceledException)
        {
        }
    }

    async Task Advance(JobEvent what)
    {
        var before = stored.State.State;
        var decision = await Delivered(Coordinator.Decide(Job.Plan, before, what, clock.GetUtcNow()));
        stored.State.State = decision.State;
        if (decision.Orders.Count > 0 || decision.State with { Committed = before.Committed, FruitlessGenerations = before.FruitlessGenerations } != before)
            await stored.WriteStateAsync();      // no order runs ahead of its record
        foreach (var order in decision.Orders)
            await Carry(order);
        if (decision.State.Reason == before.Reason && decision.State.Phase == before.Phase)
            return;
        LogDecided(Job.Name, decision.State.Phase, decision.Reason);
        if (decision.State.Phase is JobPhase.Suspended || decision.State.IsOver)
            SummaryFile.Write(Job, decision.State, stored.State.Evaluations, ledger!.Last, metrics!.Totals, before.Workers.Count);
        news.Post(new JobDecisionNews(decision.State.Phase, decision.State.Generation, decision.State.Reason, decision.State.Workers.Count(worker => worker.IsMember)));
    }

    // A job is completed once its result lies where it belongs: before that is so, nothing says it is.
    async Task<JobDecision> Delivered(JobDecision decision)
    {
        if (decision.State.Phase != JobPhase.Completed || stored.State.State.IsOver)
            return decision;
        try
        {
            await GrainFactory.GetGrain<ICheckpointGrain>(this.GetPrimaryKeyString()).Deliver(decision.State.Through);
            return decision;
        }
        catch (ProblemException problem)
        {
            var reason = $"all steps are done, but the adapter could not be written: {problem.Message}";
            return decision with { State = decision.State with { Phase = JobPhase.Failed, Reason = reason }, Reason = reason };
        }
    }

    async Task Carry(JobOrder order)
    {
        switch (order)
        {
            case JobOrder.ToWorker to:
                orders!.Send(to.Worker, to.Order);
                break;
            case JobOrder.Evaluate evaluate:
                GrainFactory.GetGrain<IEvaluationGrain>(this.GetPrimaryKeyString()).Evaluate(Job, evaluate.Step, evaluate.Since).Ignore();
                break;
            case JobOrder.GoBack back:
                await GoBack(back.Step);
                break;
            case JobOrder.Inspect inspect:
                await Inspect(inspect);
                break;
            case JobOrder.Quarantine quarantine:
                LogQuarantined(Job.Name, quarantine.Worker, quarantine.Reason);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(order), order, "no order of a job");
        }
    }

    // Only who has just saved may drop anything: the save fails where another activation has gone on.
    async Task GoBack(Step certain)
    {
        await stored.WriteStateAsync();
        ledger!.Truncate(certain);
        stored.State.Evaluations.RemoveAll(evaluation => evaluation.Step > certain);
        var ways = stored.State.State.WaysBack.Count;
        var checkpoint = await GrainFactory.GetGrain<ICheckpointGrain>(this.GetPrimaryKeyString()).GoBack(Job, certain, stored.State.Evaluations);
        events.Writer.TryWrite(new JobEvent.Started(checkpoint, ways));
    }

    async Task Inspect(JobOrder.Inspect inspect)
    {
        var ways = stored.State.State.GoingBack is null ? stored.State.State.WaysBack.Count : 0;
        var newest = await GrainFactory.GetGrain<ICheckpointGrain>(this.GetPrimaryKeyString()).Open(Job, ledger!.Written, stored.State.Evaluations);
        events.Writer.TryWrite(newest < inspect.Checkpoint ? new JobEvent.Started(newest, ways) : new JobEvent.Refused(inspect.Worker, inspect.Generation, inspect.Reason));
    }

    /// <inheritdoc/>
    public Task Offer(IReadOnlyList<WorkerOffer> workers) => Take(new JobEvent.Offered(workers));

    /// <inheritdoc/>
    public async Task<Step> Report(IReadOnlyList<JobEvent> told, IReadOnlyList<StepReport> steps)
    {
        foreach (var step in steps.Where(step => stored.State.State.Counts(step.Generation, new Step(step.Line.Step))))
        {
            try
            {
                if (ledger!.Append(step.Line))
                {
                    metrics!.Append(step, stored.State.State.Workers.Count(worker => worker.IsMember));
                    news.Post(step);
                }
                events.Writer.TryWrite(new JobEvent.Committed(step.Worker, step.Generation, new Step(step.Line.Step)));
            }
            catch (BrokenInvariantException broken)
            {
                events.Writer.TryWrite(new JobEvent.Contradicted(new Step(step.Line.Step), step.Generation, broken.Message));
            }
        }
        ledger!.Flush();
        foreach (var what in told)
        {
            if (what is JobEvent.Written written && stored.State.State.Counts(written.Generation, written.Step))
            {
                await GrainFactory.GetGrain<ICheckpointGrain>(this.GetPrimaryKeyString()).Written(written.Step);
                news.Post(written.Step);
            }
            if (what is JobEvent.Refused refused)
                refusal = refused.Reason;
            events.Writer.TryWrite(what);
        }
        return ledger.Written;
    }

    /// <inheritdoc/>
    public async Task Evaluated(EvaluationResult result, Generation since)
    {
        if (!stored.State.State.Counts(since, result.Step))
            return;
        if (stored.State.Job is not null && stored.State.Evaluations.All(known => known.Step != result.Step))
        {
            stored.State.Evaluations.Add(result);
            stored.State.Evaluations.Sort((a, b) => a.Step.CompareTo(b.Step));
            await stored.WriteStateAsync();
            await GrainFactory.GetGrain<ICheckpointGrain>(this.GetPrimaryKeyString()).Evaluated(result);
            news.Post(result);
        }
        var losses = stored.State.Evaluations.Where(known => known.Step.Number > 0 && known.Step <= result.Step).Select(known => known.Loss).ToList();
        events.Writer.TryWrite(new JobEvent.Evaluated(result.Step, EarlyStop.Ends(losses, Job.Plan.Spec.Evaluation.EarlyStop), since));
    }

    /// <inheritdoc/>
    public Task Suspend() => Take(new JobEvent.SuspendRequested());

    /// <inheritdoc/>
    public Task Resume() => Take(new JobEvent.ResumeRequested());

    /// <inheritdoc/>
    public Task Cancel() => Take(new JobEvent.CancelRequested());

    Task Take(JobEvent what)
    {
        events.Writer.TryWrite(what);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<JobSnapshot> Snapshot()
    {
        var state = stored.State.State;
        return Task.FromResult(new JobSnapshot(state.Phase, state.Reason, state.Committed, Job.Plan.Last, state.Generation,
            [.. state.Workers.Where(worker => worker.IsMember).Select(worker => worker.Worker)], state.Checkpoint, ledger?.Written ?? Step.Start, refusal));
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<JobNews>> News(long after) => Task.FromResult(news.After(after));

    /// <inheritdoc/>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        events.Writer.TryComplete();
        ledger?.Dispose();
        metrics?.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose() => stopping.Dispose();

    [LoggerMessage(EventName = "Decided", Level = LogLevel.Information, Message = "{Job}: {Phase}: {Reason}")]
    partial void LogDecided(string job, JobPhase phase, string reason);

    [LoggerMessage(EventName = "WorkerQuarantined", Level = LogLevel.Error, Message = "{Job}: {Worker} is used no more: {Reason}")]
    partial void LogQuarantined(string job, WorkerId worker, string reason);

    [LoggerMessage(EventName = "JobLoopEnded", Level = LogLevel.Error, Message = "{Job}: the coordinator's loop ended; it starts again from what is stored")]
    partial void LogLoopEnded(string job, Exception exception);
}
