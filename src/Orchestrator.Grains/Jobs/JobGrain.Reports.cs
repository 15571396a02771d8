using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Engine.Checkpoints;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Grains.Checkpoints;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Grains.Workers;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Ledger;

namespace Orchestrator.Grains.Jobs;

/// <content>What workers tell, and what is told of it.</content>
sealed partial class JobGrain
{
    static readonly Step everything = new(long.MaxValue);
    static readonly TimeSpan askEvery = TimeSpan.FromSeconds(5);
    static readonly WorkerId nobody = new("-", 0);

    readonly SortedDictionary<long, StepReport> untold = [];
    readonly Dictionary<Step, (WorkerId Worker, DateTimeOffset Asked)> evaluators = [];
    string? undurable;      // why events wait to be written

    /// <inheritdoc/>
    public async Task<Step> Report(IReadOnlyList<JobEvent> told, IReadOnlyList<StepReport> steps, WorkerAccount? account)
    {
        if (ledger is null)
            return everything;      // the job is over, or was deleted: its workers need keep nothing
        if (account is not null)
            telemetry!.Take(account);
        foreach (var step in steps.Where(step => Record.State.Counts(step.Generation, new Step(step.Line.Step))))
        {
            try
            {
                if (ledger.Append(step.Line))
                {
                    var members = Record.State.Workers.Count(worker => worker.IsMember);
                    Measure(step, members);
                    telemetry!.Committed(step);
                    if (news is NewsBoard)
                        news.PostStep(step, Job.Plan.Last.Number, members);
                }
                if (step.Line.Step > news.LastStep)
                    untold.TryAdd(step.Line.Step, step);
                Hear(new JobEvent.Committed(step.Worker, step.Generation, new Step(step.Line.Step)));
            }
            catch (BrokenInvariantException broken)
            {
                Hear(new JobEvent.Contradicted(new Step(step.Line.Step), step.Generation, broken.Message));
            }
        }
        ledger.Flush();
        if (ledgerFault != ledger.Fault && (ledgerFault = ledger.Fault) is not null)
        {
            LogLedgerWaits(this.GetPrimaryKeyString(), ledgerFault);
            Note($"the ledger waits for the disk, training goes on: {ledgerFault}");
        }
        if (ledgerFault is not null && told.Any(what => what is JobEvent.Written))
            throw new IOException($"the ledger waits for the disk: {ledgerFault}");      // a job whose last state is written has a whole ledger: told again, it counts
        TellSteps();
        foreach (var what in told)
        {
            if (what is JobEvent.Written written && Record.State.Counts(written.Generation, written.Step))
            {
                await GrainFactory.GetGrain<ICheckpointGrain>(this.GetPrimaryKeyString()).Prune(Job, Record.Evaluations.ToArray());
                Post(written.Step);
            }
            if (what is JobEvent.Refused refused)
            {
                refusal = refused.Reason;
                Lack(refused.Worker.Silo, refused.Reason);
                Note($"{refused.Worker} cannot take part: {refused.Reason}");
            }
            if (what is JobEvent.WriteFailed failed)
                Note($"the checkpoint of step {failed.Step} was not written: {failed.Reason}");
            Hear(what);
        }
        FlushEvents();
        return ledger?.Written ?? everything;
    }

    // Times and rates are no part of the result: a step may lack them.
    void Measure(StepReport step, int members)
    {
        try
        {
            metrics!.Append(step, members);
        }
        catch (IOException e)
        {
            LogUnmeasured(Job.Name, step.Line.Step, e.Message);
        }
    }

    void Hear(JobEvent what) => events.Writer.TryWrite(new Heard(what));

    // In the order of the ledger, and only what it holds: an event is never taken back.
    void TellSteps()
    {
        while (untold.Count > 0 && untold.First() is var (number, step) && number <= ledger!.Written.Number)
        {
            untold.Remove(number);
            if (number > news.LastStep)
                news.PostStep(step, Job.Plan.Last.Number, Record.State.Workers.Count(worker => worker.IsMember));
        }
    }

    // A crash between the ledger and the events left these out.
    void TellForgotten(LedgerLine line)
    {
        if (Record.Spec is not null && line.Step > news.LastStep)
            news.PostStep(new StepReport(nobody, Generation.None, line, 0, 0, 0), Job.Plan.Last.Number, 0);
    }

    void Post(Step checkpoint)
    {
        if (news is not EventFile file || checkpoint.Number > file.LastCheckpoint)
            news.Post(new JobNews(0, Checkpoint: checkpoint));
    }

    // What is to be said of a job without its phase changing.
    void Note(string text)
    {
        if (news is EventFile)
            news.Post(new JobNews(0, Decision: Told(Record.State, text)));
    }

    JobDecisionNews Told(JobState state, string reason)
        => new(state.Phase, state.Generation, reason, state.Workers.Count(worker => worker.IsMember))
        {
            Stage = StageOf(state),
            Workers = [.. state.Workers.Where(worker => worker.IsMember).Select(worker => worker.Worker)],
        };

    JobStage StageOf(JobState state)
        => Stages.Of(state.Phase, hasWorkers: state.Workers.Count > 0 || steering is { Workers.Count: > 0 }, prepared: Record.Job is not null);

    void Publish(JobRecord before, JobRecord next, Heard heard, JobDecision decision)
    {
        if (heard.Evaluation is { } evaluation && next.Evaluations != before.Evaluations)
        {
            GrainFactory.GetGrain<ICheckpointGrain>(this.GetPrimaryKeyString()).Prune(Job, Record.Evaluations.ToArray()).Ignore();
            news.Post(new JobNews(0, Evaluation: evaluation));
            telemetry!.Evaluated(evaluation);
        }
        if (next.State.Reason != before.State.Reason || next.State.Phase != before.State.Phase)
        {
            LogDecided(Job.Name, next.State.Phase, decision.Reason);
            if (next.State.Phase is JobPhase.Suspended || next.State.IsOver)
                SummaryFile.Write(Job, next.State, next.Evaluations, ledger!.Last, metrics!.Totals, before.State.Workers.Count, telemetry!.Seconds, next.AdapterSha256);
            news.Post(new JobNews(0, Decision: Told(next.State, next.State.Reason)));
        }
        if (next.State.Phase != before.State.Phase)
            TellScheduler();
        FlushEvents();
    }

    // The scheduler asks every second; what changes it hears at once.
    void TellScheduler()
    {
        if (Record.Spec is not null)
            GrainFactory.GetGrain<ISchedulerGrain>(0).Told(this.GetPrimaryKeyString(), Record.State.Phase, Record.State.Reason).Ignore();
    }

    void FlushEvents()
    {
        try
        {
            news.Flush();
            undurable = null;
        }
        catch (IOException e)      // kept, and written with the next: training does not wait for a disk
        {
            if (undurable != e.Message)
                LogUndurable(this.GetPrimaryKeyString(), undurable = e.Message);
        }
        catch (SupersededException)
        {
            DeactivateOnIdle();
            throw;
        }
    }

    /// <inheritdoc/>
    public Task Evaluated(EvaluationResult result, Generation since)
    {
        if (Record.Job is not null)
            events.Writer.TryWrite(new Heard(new JobEvent.Evaluated(result.Step, Ends: false, since), result, since));
        return Task.CompletedTask;
    }

    static JobRecord With(JobRecord record, EvaluationResult result)
        => record.Evaluations.Any(known => known.Step == result.Step) ? record : record with { Evaluations = [.. record.Evaluations.Append(result).OrderBy(known => known.Step)] };

    JobEvent.Evaluated Judged(JobRecord record, Step step, Generation since)
    {
        var losses = record.Evaluations.Where(known => known.Step.Number > 0 && known.Step <= step).Select(known => known.Loss).ToList();
        return new JobEvent.Evaluated(step, EarlyStop.Ends(losses, Job.Plan.Spec.Evaluation.EarlyStop), since);
    }

    // What earlier activations wanted and nobody answered: the start, and in a cluster every checkpoint that is still there.
    void WantEvaluations()
    {
        if (Job.Plan.ValidationSamples == 0)
            return;
        var steps = Record.Spec is null ? [] : CheckpointReader.Steps(new RunFolder(Job.Folder)).Where(step => Job.Plan.IsEvaluation(step) && step <= ledger!.Written);
        foreach (var step in steps.Prepend(Step.Start).Where(step => Record.Evaluations.All(known => known.Step != step)))
            evaluationsWanted.Add(step);
    }

    // Asked for again until it is there: by whoever computes for the job, since they have its base.
    void AskForEvaluations()
    {
        if (Record.Job is not { } job || Record.State.IsOver)
            return;
        evaluationsWanted.RemoveWhere(step => Record.Evaluations.Any(known => known.Step == step) ? Record.State.Evaluated >= Boundary(step)
            : step != Step.Start && step < Record.State.Checkpoint && !Directory.Exists(new RunFolder(job.Folder).Checkpoint(step)));
        if (evaluationsWanted.Count == 0)
            return;
        var workers = Record.State.Workers.OrderByDescending(worker => worker.IsMember).Select(worker => worker.Worker).ToList();
        var now = clock.GetUtcNow();
        foreach (var step in workers.Count == 0 ? [] : evaluationsWanted.ToList())
        {
            var (worker, asked) = evaluators.GetValueOrDefault(step);
            if (!workers.Contains(worker))
                worker = workers[0];
            else if (now - asked < askEvery)
                continue;
            evaluators[step] = (worker, now);
            GrainFactory.GetGrain<IWorkerGrain>(worker.ToString()).Evaluate(job, step, Record.State.Since).Ignore();
        }
    }

    // A boundary's evaluation is over when the coordinator has judged it; any other when its result is there.
    Step Boundary(Step step) => step == Record.State.Through && Record.State.Phase == JobPhase.AtBoundary ? step : Step.Start;

    /// <inheritdoc/>
    public Task<JobSnapshot> Snapshot()
    {
        var state = Record.State;
        var speed = state.Phase is JobPhase.Running or JobPhase.Halting ? metrics : null;
        var last = Record.Job?.Plan.Last ?? Step.Start;
        // The ledger goes on while nothing can be decided; it is behind what is decided where its disk is full.
        var step = ledger is not null && ledger.Written > state.Committed ? ledger.Written : state.Committed;
        return Task.FromResult(new JobSnapshot(state.Phase, fault is null ? state.Reason : $"nothing can be decided just now ({fault}); training goes on. {state.Reason}", step, last,
            state.Generation, [.. state.Workers.Where(worker => worker.IsMember).Select(worker => worker.Worker)], state.Checkpoint, ledger?.Written ?? Step.Start, refusal)
        {
            Stage = StageOf(state),
            Kind = Record.Job?.Plan.Kind ?? "",
            Loss = ledger?.Last?.Loss,
            ValidationLoss = Record.Evaluations.Count > 0 ? Record.Evaluations[^1].Loss : null,
            TokensPerSecond = speed?.TokensPerSecond ?? 0,
            Remaining = speed is { SecondsPerStep: > 0 } ? TimeSpan.FromSeconds(speed.SecondsPerStep * (last.Number - step.Number)) : null,
            AdapterSha256 = Record.AdapterSha256,
            Warnings = [.. Record.Warnings],
            Silo = services.GetRequiredService<ILocalSiloDetails>().Name,
            Curve = ledger?.Curve.Points ?? [],
            WorkerSeconds = telemetry?.Seconds,
        });
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<JobNews>> News(long after) => Task.FromResult(news.After(after));

    /// <inheritdoc/>
    public Task<IReadOnlyList<JobLogLine>> Logs(long after) => Task.FromResult<IReadOnlyList<JobLogLine>>(news.After(after).Select(JobLog.Line).ToArray());

    [LoggerMessage(EventName = "LedgerWaits", Level = LogLevel.Warning, Message = "{Job}: its ledger waits for the disk, training goes on: {Reason}")]
    partial void LogLedgerWaits(string job, string reason);

    [LoggerMessage(EventName = "Unmeasured", Level = LogLevel.Debug, Message = "{Job}: the times of step {Step} are not kept: {Reason}")]
    partial void LogUnmeasured(string job, long step, string reason);

    [LoggerMessage(EventName = "EventsUndurable", Level = LogLevel.Warning, Message = "{Job}: its events wait for the disk: {Reason}")]
    partial void LogUndurable(string job, string reason);
}
