using Orchestrator.Cli.Demo;
using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Grains.Jobs;
using Orchestrator.Learning.Data;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Server;

namespace Orchestrator.Cli;

/// <summary>A job to train on this machine.</summary>
/// <param name="Spec">the job; it follows every rule, and its files are there</param>
/// <param name="Folder">the run's folder</param>
/// <param name="Resume">whether to go on from the folder's last good checkpoint; without it the folder holds no run</param>
public sealed record TrainRequest(JobSpec Spec, string Folder, bool Resume);

/// <summary>How a run on this machine ended.</summary>
/// <param name="Folder">the run's folder</param>
/// <param name="Step">the last committed step</param>
/// <param name="Steps">the job's last step</param>
/// <param name="Loss">training loss of the last step, in nats; null if there was none</param>
/// <param name="ValidationBefore">held-out loss before the first step, in nats; null without held-out records</param>
/// <param name="ValidationAfter">held-out loss at the end</param>
/// <param name="TokensPerSecond">over all steps and workers</param>
/// <param name="Seconds">from the first step to the last, in this process</param>
/// <param name="Adapter">path of <c>adapter.safetensors</c>; null if interrupted</param>
/// <param name="AdapterSha256">its digest, 64 hexadecimal digits</param>
/// <param name="Interrupted">whether a signal ended it before its time, with a checkpoint at <paramref name="Step"/></param>
public sealed record TrainResult(
    string Folder, long Step, long Steps, double? Loss, double? ValidationBefore, double? ValidationAfter, double TokensPerSecond, double Seconds, string? Adapter,
    string? AdapterSha256, bool Interrupted);

/// <summary>The demonstration to run.</summary>
/// <param name="Workers">how many compute; null is the demonstration's own number</param>
/// <param name="Folder">the run's folder; null is <c>runs/demo</c>, which is replaced</param>
/// <param name="Chaos">whether to do it again with other numbers of workers, one of them killed, and compare digests</param>
public sealed record DemoRequest(int? Workers, string? Folder, bool Chaos);

/// <summary>A run to verify.</summary>
/// <param name="Folder">the run's folder</param>
/// <param name="Step">the step to compute again; null checks the ledger's whole chain</param>
public sealed record VerifyRequest(string Folder, long? Step);

/// <summary>What was found.</summary>
/// <param name="Equal">whether everything is as the ledger says</param>
/// <param name="Steps">steps that were looked at</param>
/// <param name="Parts">where it parts, in a sentence; null if nowhere</param>
public sealed record VerifyResult(bool Equal, long Steps, string? Parts);

/// <summary>Trains in this process: silo, state and exchange live here, and nothing listens beyond loopback.</summary>
static class LocalTraining
{
    // A base below this is read before a person could see a bar.
    const long ShownBytesMin = 200_000_000;

    static readonly TimeSpan newsEvery = TimeSpan.FromMilliseconds(50);

    /// <summary>Trains a job to its end, or to a checkpoint once <paramref name="stop"/> asks for it.</summary>
    public static TrainResult Run(TrainRequest request, IProgress<TrainingProgress> view, CancellationToken stop)
        => Run(request, view, drill: null, stop).GetAwaiter().GetResult();

    /// <summary>The same with something that is done to the workers after each step; a drill.</summary>
    public static async Task<TrainResult> Run(TrainRequest request, IProgress<TrainingProgress> view, Action<TrainingEngine, StepReport>? drill, CancellationToken stop)
    {
        var cache = CacheFolder.Path;
        var prepared = await Task.Run(() => JobPreparation.Prepare(request.Spec, cache, Watch(view), stop), stop);
        foreach (var warning in prepared.Warnings.Except(SpecRules.Warnings(request.Spec)))
            view.Report(new TrainingProgress.Said(warning, IsWarning: true));
        var run = new RunFolder(request.Folder);
        using var occupied = RunLock.Take(run);
        await using var silo = await LocalSilo.Start(run, cache, Environment.GetEnvironmentVariable("ORCHESTRATOR_DEBUG") == "1");
        var job = silo.Grains.GetGrain<IJobGrain>(request.Spec.Name);
        await job.Submit(new JobAssignment(prepared.Plan, request.Folder));
        await job.Resume();
        view.Report(new TrainingProgress.Began((await job.Snapshot()).Step.Number, prepared.Plan.Last.Number));
        await Offer();
        await Follow();
        var summary = RunSummary.Read(run);
        if (summary.State == "failed")
            throw new TrainingFailedException(summary.Reason);
        RunReportFile.Write(run, summary);
        return Result(request, prepared.Plan, summary);

        Task Offer() => job.Offer([.. Enumerable.Range(0, request.Spec.Workers).Select(slot => new WorkerOffer(new WorkerId(LocalSilo.Name, slot), silo.Exchange))]);

        async Task Follow()
        {
            var (seen, pausing, members) = (0L, false, request.Spec.Workers);
            var speed = new RecentSpeed();
            while (true)
            {
                foreach (var what in await job.News(seen))
                {
                    seen = what.Number;
                    if (what.Decision is { } decision)
                    {
                        members = decision.Members;
                        if (decision.Phase is JobPhase.Mustering or JobPhase.Waiting && !pausing && decision.Generation > Generation.None)
                        {
                            view.Report(new TrainingProgress.Said(decision.Reason));
                            await Offer();      // a worker that was lost comes back as a new one
                        }
                        if (decision.Phase is JobPhase.Suspended or JobPhase.Completed or JobPhase.Failed or JobPhase.Cancelled)
                            return;
                    }
                    if (what.Step is { } step)
                    {
                        drill?.Invoke(silo.Engine, step);
                        view.Report(new TrainingProgress.Stepped(step.Line.Step, step.Line.Loss, step.Line.LearningRate, speed.After(step), Math.Max(1, members)));
                    }
                    if (what.Evaluation is { } evaluation)
                        view.Report(new TrainingProgress.Evaluated(evaluation.Step.Number, evaluation.Loss, evaluation.Asked > 0 ? (double)evaluation.Exact / evaluation.Asked : null));
                    if (what.Checkpoint is { } checkpoint)
                        view.Report(new TrainingProgress.Saved(checkpoint.Number, run.Checkpoint(checkpoint)));
                }
                var now = await job.Snapshot();
                if (now.Phase == JobPhase.Waiting && silo.Engine.WorkersOf(request.Spec.Name).Count == 0 && now.Refusal is { } refusal)
                    throw new ProblemException(new Problem("job " + request.Spec.Name, refusal, "a worker that can take part"));
                if (stop.IsCancellationRequested && !pausing)
                {
                    pausing = true;
                    await job.Suspend();
                }
                await Task.Delay(newsEvery, CancellationToken.None);
            }
        }
    }

    static PreparationProgress Watch(IProgress<TrainingProgress> view)
    {
        var hashed = 0L;
        return new PreparationProgress(
            new DirectProgress<long>(bytes =>
            {
                if ((hashed += bytes) >= ShownBytesMin)
                    view.Report(new TrainingProgress.Preparing("taking the base's digest", hashed, 0, "bytes"));
            }),
            new DirectProgress<DatasetProgress>(done => view.Report(new TrainingProgress.Preparing("tokenising", done.Done, done.Total, "records"))));
    }

    static TrainResult Result(TrainRequest request, JobPlan plan, RunSummary summary)
    {
        var completed = summary.State == "completed";
        EvaluationResult? At(long step) => summary.Evaluations.LastOrDefault(evaluation => evaluation.Step.Number == step);
        return new TrainResult(request.Folder, summary.Step, plan.Last.Number, summary.Loss, At(0)?.Loss, At(summary.Step)?.Loss, summary.TokensPerSecond, summary.Seconds,
            completed ? new RunFolder(request.Folder).Adapter : null, completed ? summary.AdapterSha256 : null, Interrupted: !completed);
    }

    /// <summary>Runs the demonstration, which speaks for itself.</summary>
    /// <returns>an exit code of <see cref="ExitCodes"/></returns>
    public static int Demonstrate(DemoRequest request, Output output, CancellationToken stop)
        => DemoRun.Run(request, output, stop);

    /// <summary>Computes a step again, or checks the whole chain.</summary>
    public static VerifyResult Verify(VerifyRequest request, IProgress<TrainingProgress> view, CancellationToken stop)
        => LocalVerification.Run(request, view, stop);
}

/// <summary>A job that ended without a result.</summary>
sealed class TrainingFailedException(string reason) : Exception(reason);

/// <summary>Reports on the thread that calls, unlike <see cref="Progress{T}"/>.</summary>
sealed class DirectProgress<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}

/// <summary>Tokens per second over the last steps.</summary>
sealed class RecentSpeed
{
    const int StepsMax = 20;
    readonly Queue<(long Tokens, double Seconds)> steps = new();

    /// <summary>The speed with one more step.</summary>
    public double After(StepReport step)
    {
        steps.Enqueue((step.Line.Tokens, step.StepSeconds));
        if (steps.Count > StepsMax)
            steps.Dequeue();
        var seconds = steps.Sum(one => one.Seconds);
        return seconds > 0 ? steps.Sum(one => one.Tokens) / seconds : 0;
    }
}
