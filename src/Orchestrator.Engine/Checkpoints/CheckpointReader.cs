using System.Globalization;
using Orchestrator.Engine.Auditing;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Files;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine.Checkpoints;

/// <summary>The checkpoints of a run, as a reader sees them: verified by digest, a damaged one named and passed over.</summary>
public static class CheckpointReader
{
    /// <summary>The steps of the run's checkpoints, whole or not, ascending.</summary>
    public static IReadOnlyList<Step> Steps(RunFolder run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return !Directory.Exists(run.Checkpoints) ? [] :
        [
            .. Directory.EnumerateDirectories(run.Checkpoints, "step-*")
                .Select(path => Path.GetFileName(path)["step-".Length..])
                .Where(digits => long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                .Select(digits => new Step(long.Parse(digits, CultureInfo.InvariantCulture)))
                .Order(),
        ];
    }

    /// <summary>The newest whole checkpoint of this very job, or step 0.</summary>
    /// <param name="run">where to look</param>
    /// <param name="plan">the job</param>
    /// <param name="atMost">newer ones are passed over: the ledger does not reach them</param>
    /// <param name="damaged">told of each one that is passed over for damage</param>
    public static Step Newest(RunFolder run, JobPlan plan, Step atMost, Action<ProblemException> damaged)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(damaged);
        var ledger = LedgerOf(run);
        foreach (var step in Steps(run).Reverse().Where(step => step <= atMost))
        {
            try
            {
                Verify(run, plan, step, ledger);
                return step;
            }
            catch (ProblemException problem)
            {
                damaged(problem);
            }
        }
        return Step.Start;
    }

    /// <summary>The state of a step's checkpoint.</summary>
    /// <exception cref="ProblemException">it is damaged, or another job's</exception>
    public static ReplicaState Read(RunFolder run, JobPlan plan, Step step, IAdapter method)
    {
        ArgumentNullException.ThrowIfNull(run);
        return CheckpointFolder.Read(run.Checkpoint(step), Verify(run, plan, step, LedgerOf(run)), method);
    }

    /// <summary>Deletes the checkpoints of later steps than <paramref name="step"/>: they hold what is computed anew.</summary>
    /// <exception cref="ProblemException">one cannot be deleted</exception>
    public static void DropAfter(RunFolder run, Step step)
    {
        ArgumentNullException.ThrowIfNull(run);
        foreach (var later in Steps(run).Where(later => later > step))
        {
            try
            {
                CheckpointFolder.Remove(run.Checkpoint(later));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new ProblemException(run.Checkpoint(later), e.Message, "a folder that can be deleted", "mend its permissions: what it holds was computed wrong");
            }
        }
    }

    /// <summary>Puts the adapter of a step's checkpoint where the run's result belongs.</summary>
    public static void Deliver(RunFolder run, Step step)
    {
        ArgumentNullException.ThrowIfNull(run);
        var bytes = File.ReadAllBytes(Path.Combine(run.Checkpoint(step), CheckpointFolder.Adapter));
        AtomicFile.Write(run.Adapter, stream => stream.Write(bytes));
    }

    static RunLedger? LedgerOf(RunFolder run) => File.Exists(run.Ledger) ? RunLedger.Read(run) : null;

    // A late writer may have put a state there that the job has gone back behind: what the ledger has is the truth.
    static Manifest Verify(RunFolder run, JobPlan plan, Step step, RunLedger? ledger)
    {
        var folder = run.Checkpoint(step);
        var manifest = CheckpointFolder.Verify(folder);
        if (manifest.Digests != plan.Digests || manifest.Step != step.Number)
            throw new ProblemException(folder, "a checkpoint of another job or step", $"step {step} of {plan.Spec.Name} with this spec, data and base");
        if (step != Step.Start && ledger?.Lines.Count >= step.Number && ledger.Lines[(int)step.Number - 1].Parameters is var written && written != manifest.Parameters)
            throw new ProblemException(folder, $"the state with parameters {manifest.Parameters}", $"{written}, as the ledger has it for step {step}", "it is another run's; the one before it will do");
        return manifest;
    }
}
