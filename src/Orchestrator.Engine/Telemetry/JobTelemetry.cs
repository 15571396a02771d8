using System.Diagnostics;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine.Telemetry;

/// <summary>
/// What is measured of a job, from what its carrier sees: accounts, metrics, and the spans of job and generations. It decides nothing, and nothing follows from it. One owner.
/// </summary>
public sealed class JobTelemetry : IDisposable
{
    // Long enough for two scrapes to see how it ended.
    static readonly TimeSpan keptAfterEnd = TimeSpan.FromMinutes(1);

    readonly JobAssignment job;
    readonly JobSeries series;
    readonly JobAccounts accounts;
    readonly TimeProvider clock;
    readonly long began;
    readonly Activity? span;
    Activity? generation;
    string? cause;
    TimeSpan since;
    (Generation Generation, string Cause, TimeSpan Since)? beginning;
    TimeSpan? over;
    bool disposed;

    /// <param name="metrics">the process's metrics</param>
    /// <param name="job">the job</param>
    /// <param name="stored">its accounts, as they were stored</param>
    /// <param name="state">its state, as it was stored</param>
    /// <param name="clock">measures</param>
    public JobTelemetry(Metrics metrics, JobAssignment job, StoredAccounts stored, JobState state, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(stored);
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(clock);
        (this.job, this.clock, began) = (job, clock, clock.GetTimestamp());
        accounts = new JobAccounts(stored.Copy(), TimeSpan.Zero);
        cause = state.Generation == Generation.None ? "start" : "restart";
        series = metrics.Of(job.Name);
        series.LastStep = job.Plan.Last.Number;
        span = Traces.Job(job.Name);
        Show(state);
    }

    TimeSpan Age => clock.GetElapsedTime(began);

    /// <summary>Where the workers' time went, until now.</summary>
    public WorkerSeconds Seconds => accounts.At(Age);

    /// <summary>The accounts, to be stored with whatever is stored next: workers tell the whole of their time, so that what was not stored is told again; but for the last second of one that has left.</summary>
    public StoredAccounts Accounts => accounts.Stored.Copy();

    /// <summary>The job as workers are told of it: with the span that theirs belong to.</summary>
    public JobAssignment Traced(JobAssignment assignment) => (generation ?? span)?.Id is { } trace ? assignment with { Trace = trace } : assignment;

    /// <summary>A worker told about its time.</summary>
    public void Take(WorkerAccount account)
    {
        accounts.Take(account, Age);
        series.Accounted(accounts.Stored.Seconds, Seconds.Goodput, accounts.Present);
    }

    /// <summary>A step was told for the first time.</summary>
    public void Committed(StepReport step)
    {
        ArgumentNullException.ThrowIfNull(step);
        series.StepCommitted(step);
        if (beginning is not { } begun || begun.Generation != step.Generation)
            return;
        series.Recovered(begun.Cause, Age - begun.Since);
        beginning = null;
    }

    /// <summary>A step was evaluated.</summary>
    public void Evaluated(EvaluationResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        series.ValidationLoss = result.Loss;
    }

    /// <summary>Something was decided.</summary>
    /// <param name="what">what it was decided on</param>
    /// <param name="before">the job before</param>
    /// <param name="decision">what was decided</param>
    public void Decided(JobEvent what, JobState before, JobDecision decision)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(decision);
        var after = decision.State;
        accounts.Decided(what, before, after, Age);
        if (CauseOf(what, before, after) is { } ended)
        {
            since = cause is null || ended == "resume" ? Age : since;
            cause = ended;
        }
        if (after.Phase is JobPhase.Running or JobPhase.Halting && after.Generation != before.Generation)
            Begin(after, decision.Orders);
        if (what is JobEvent.Written written && written.Step.Number > series.CheckpointStep)
        {
            series.CheckpointsWritten++;
            series.CheckpointBytes = SizeOf(new RunFolder(job.Folder).Checkpoint(written.Step));
        }
        if (what is JobEvent.WriteFailed)
            series.CheckpointsFailed++;
        if (what is JobEvent.Diverged && after.Phase == JobPhase.Failed)
            series.Diverged(double.NaN);
        Show(after);
        End(after);
    }

    // What ended a membership, where this decision did.
    static string? CauseOf(JobEvent what, JobState before, JobState after)
    {
        var interrupted = after.Phase is JobPhase.Mustering or JobPhase.Waiting && (before.Phase != after.Phase || before.Generation != after.Generation);
        return what switch
        {
            JobEvent.ResumeRequested when before.Phase == JobPhase.Suspended => "resume",
            JobEvent.Lost or JobEvent.TimePassed or JobEvent.Refused when interrupted => "loss",
            JobEvent.Started when before.Generation != Generation.None => "restart",
            _ when after.Phase == JobPhase.AtBoundary && before.Phase != JobPhase.AtBoundary => "boundary",
            _ when after.Phase == JobPhase.Halting && before.Phase == JobPhase.Running => "resize",
            _ => null,
        };
    }

    void Begin(JobState after, IReadOnlyList<JobOrder> orders)
    {
        var ended = cause ?? "resize";
        series.GenerationBegan(ended);
        if (ended is "loss" or "restart")
        {
            var first = orders.OfType<JobOrder.ToWorker>().Select(order => order.Order).OfType<Order.Begin>().FirstOrDefault()?.First;
            series.MicroBatchesDealtAgain += first?.Shares.Sum(share => share.MicroBatches.Count()) ?? 0;
        }
        beginning = (after.Generation, ended, since);
        cause = null;
        generation?.Dispose();
        generation = Traces.Generation(span, after.Generation, ended, after.Workers.Count(worker => worker.IsMember));
    }

    void Show(JobState state)
    {
        series.Phase = state.Phase;
        series.Generation = state.Generation.Number;
        series.Step = Math.Max(series.Step, state.Committed.Number);
        series.CheckpointStep = state.Checkpoint.Number;
        series.WorkersWanted = state.Workers.Count(worker => !state.Leaving.Contains(worker.Worker));
        series.Quarantined = state.Quarantined.Count;
        series.WorkersPresent = state.Workers.Count(worker => worker.IsMember);
        series.Accounted(accounts.Stored.Seconds, Seconds.Goodput, accounts.Present);
    }

    void End(JobState state)
    {
        if (!state.IsOver)
        {
            over = null;
            return;
        }
        if (over is null)
        {
            over = Age;
            generation?.Dispose();
            span?.SetTag("phase", state.Phase.ToString()).Dispose();
        }
        else if (Age - over > keptAfterEnd)
        {
            Dispose();
        }
    }

    static double? SizeOf(string folder)
    {
        try
        {
            return new DirectoryInfo(folder).EnumerateFiles().Sum(file => file.Length);
        }
        catch (IOException)
        {
            return null;      // pruned meanwhile, or not to be seen from here
        }
    }

    /// <summary>Ends the job's series; it is measured no more.</summary>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        generation?.Dispose();
        span?.Dispose();
        series.Dispose();
    }
}
