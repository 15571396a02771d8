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
        using var resident = await Task.Run(() => silo.Bases.Acquire(request.Spec.Model.Path, ComputeDevice.PrecisionOf(request.Spec), ComputeDevice.NameOf(request.Spec, slot: 0),
            WatchBase(view, prepared.BaseBytes)), stop);
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

    // Read before the workers ask for it, so that it can be watched; they share what is here.
    static DirectProgress<long> WatchBase(IProgress<TrainingProgress> view, long total)
    {
        var read = 0L;
        return new DirectProgress<long>(bytes =>
        {
            read += bytes;
            if (total >= ShownBytesMin)
                view.Report(new TrainingProgress.Preparing("reading the base", Math.Min(read, total), total, "bytes"));
        });
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
