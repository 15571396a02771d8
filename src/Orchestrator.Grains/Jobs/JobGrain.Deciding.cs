using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Grains.Checkpoints;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orleans.Storage;

namespace Orchestrator.Grains.Jobs;

/// <content>From an event to a decision that is stored, and then to orders.</content>
sealed partial class JobGrain
{
    static readonly TimeSpan retryPauseMin = TimeSpan.FromMilliseconds(200);
    static readonly TimeSpan retryPauseMax = TimeSpan.FromSeconds(2);

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
            var ways = Record.State.WaysBack.Count;
            await stored.ReadStateAsync();
            if (Record.State.WaysBack.Count != ways && ledger is not null)
            {
                ledger.Dispose();      // another activation has put a shorter one in its place
                ledger = LedgerFile.Open(new RunFolder(Job.Folder), Job.Plan);
            }
        }
        finally
        {
            deciding.Release();
        }
        if (stored.Etag == known)
            return false;
        if (Record.Job is null)
            throw new SupersededException("the job was deleted");
        return await Advance(new Heard(await StartFromDisk()));
    }

    // False where somebody else has decided since: nothing was done.
    async Task<bool> Advance(Heard heard)
    {
        await deciding.WaitAsync(stopping.Token);
        try
        {
            var before = Record;
            var next = heard.Evaluation is { } evaluation && before.State.Counts(heard.Since, evaluation.Step) ? With(before, evaluation) : before;
            var decision = Coordinator.Decide(Job.Plan, before.State, heard.Evaluation is null ? heard.What : Judged(next, heard.Evaluation.Step, heard.Since), clock.GetUtcNow());
            if (decision.IsStale)
                return false;
            (next, decision) = await Delivered(next, decision);
            // Where the workers are by now, and how fast, they would tell again.
            var quiet = next with
            {
                State = next.State with { Committed = before.State.Committed, FruitlessGenerations = before.State.FruitlessGenerations, Histories = before.State.Histories },
            };
            if (decision.Orders.Count > 0 || quiet != before)
                await Save(next);      // no order runs ahead of its record
            else
                stored.State = next;
            telemetry!.Decided(heard.What, before.State, decision);
            foreach (var order in decision.Orders)
                await Carry(order);
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
            await GrainFactory.GetGrain<ICheckpointGrain>(this.GetPrimaryKeyString()).Deliver(Job, decision.State.Through);
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

    async Task Carry(JobOrder order)
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
            case JobOrder.GoBack back:
                Hear(await GoBack(back.Step));
                break;
            case JobOrder.Inspect inspect:
                Hear(await Inspect(inspect));
                break;
            case JobOrder.Quarantine quarantine:
                LogQuarantined(this.GetPrimaryKeyString(), quarantine.Worker, quarantine.Reason);
                Note($"{quarantine.Worker} is quarantined: {quarantine.Reason}");
                TellScheduler();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(order), order, "no order of a job");
        }
    }

    async Task Save(JobRecord next)
    {
        var before = stored.State;
        stored.State = telemetry is null ? next : next with { Accounts = telemetry.Accounts };
        try
        {
            await stored.WriteStateAsync();
        }
        catch
        {
            stored.State = before;
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
        catch (Exception e) when (e is not OperationCanceledException and not ProblemException && (Record.Spec is not null || isSteered))
        {
            throw UnavailableException.Storing($"job {this.GetPrimaryKeyString()}", e);
        }
        finally
        {
            deciding.Release();
        }
    }

    [LoggerMessage(EventName = "Decided", Level = LogLevel.Information, Message = "{Job}: {Phase}: {Reason}")]
    partial void LogDecided(string job, JobPhase phase, string reason);

    [LoggerMessage(EventName = "Undecided", Level = LogLevel.Warning, Message = "{Job}: nothing can be decided, training goes on: {Reason}")]
    partial void LogUndecided(string job, string reason);
}
