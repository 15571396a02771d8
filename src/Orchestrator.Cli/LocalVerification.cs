using Orchestrator.Engine;
using Orchestrator.Engine.Auditing;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Cli;

/// <summary>Verifies a run's folder in this process, without a silo.</summary>
static class LocalVerification
{
    /// <summary>Checks the whole chain, or computes a step again.</summary>
    /// <exception cref="ProblemException">there is nothing to verify, or what it was trained with is not there</exception>
    public static VerifyResult Run(VerifyRequest request, IProgress<TrainingProgress> view, CancellationToken stop)
    {
        var run = new RunFolder(request.Folder);
        var result = request.Step is { } step ? Recompute(run, new Step(step), view, stop) : LedgerAudit.Of(run, stop);
        foreach (var note in result.Notes)
            view.Report(new TrainingProgress.Said(note, IsWarning: true));
        return new VerifyResult(result.Agrees, result.Steps, result.Agrees ? null : string.Join(Environment.NewLine, result.Partings));
    }

    static AuditResult Recompute(RunFolder run, Step step, IProgress<TrainingProgress> view, CancellationToken stop)
    {
        var hashed = 0L;
        var preparation = new PreparationProgress(
            new DirectProgress<long>(bytes => view.Report(new TrainingProgress.Preparing("reading the base", hashed += bytes, 0, "bytes"))),
            new DirectProgress<Learning.Data.DatasetProgress>(done => view.Report(new TrainingProgress.Preparing("tokenising", done.Done, done.Total, "records"))));
        var computed = new DirectProgress<(Step Done, Step Last)>(steps => view.Report(new TrainingProgress.Preparing("computing again", steps.Done.Number, steps.Last.Number, "steps")));
        return StepVerifier.Verify(run, step, CacheFolder.Path, preparation, computed, stop).GetAwaiter().GetResult();
    }
}
