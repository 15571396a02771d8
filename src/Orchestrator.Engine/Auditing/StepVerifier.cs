using System.Numerics.Tensors;
using Orchestrator.Collectives;
using Orchestrator.Engine.Checkpoints;
using Orchestrator.Engine.Resident;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Files;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Ledger;
using Orchestrator.Protocol.Order;
using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Engine.Auditing;

/// <summary>
/// Computes a step of a run again, on one replica, without workers, deals or an exchange: from the newest whole checkpoint before it, or from the start. Every step on the
/// way is compared with the ledger's line.
/// </summary>
public static class StepVerifier
{
    /// <summary>Computes the steps up to <paramref name="step"/> again, on a thread of its own.</summary>
    /// <param name="run">the run's folder</param>
    /// <param name="step">the step, from 1</param>
    /// <param name="cacheFolder">where tokenised records and digests are kept</param>
    /// <param name="progress">who watches the preparation</param>
    /// <param name="computed">told of each step that is compared, and of the step that it ends with</param>
    /// <param name="stop">gives up before the next micro-batch</param>
    /// <exception cref="ProblemException">the ledger has no such step, or the spec's base or records cannot be used</exception>
    public static Task<AuditResult> Verify(
        RunFolder run, Step step, string cacheFolder, PreparationProgress progress, IProgress<(Step Done, Step Last)>? computed = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(run);
        return Task.Factory.StartNew(() => Run(run, step, cacheFolder, progress, computed, stop), stop, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    static AuditResult Run(RunFolder run, Step step, string cacheFolder, PreparationProgress progress, IProgress<(Step, Step)>? computed, CancellationToken stop)
    {
        var ledger = RunLedger.Read(run);
        if (ledger.Head is not { } head || step <= Step.Start || step.Number > ledger.Lines.Count)
        {
            throw new ProblemException($"{run.Ledger}", ledger.Break is { } broken ? $"a chain that holds for {ledger.Lines.Count} steps ({broken})" : $"{ledger.Lines.Count} steps",
                $"step {step}", "name a step that the ledger has");
        }
        var spec = RunSummary.Read(run).Spec;
        var plan = JobPreparation.Prepare(spec, cacheFolder, progress, stop).Plan;
        if (plan.Digests != new JobDigests(head.Spec, head.Base, head.Data, head.Init))
            throw new ProblemException(run.Ledger, $"a run with {Difference(plan.Digests, head)} than those that {run.Summary} leads to now", "the files it was trained with", "bring them back to where they were");

        var notes = new List<string>();
        if (plan.Kind != head.Kind)
            notes.Add($"it was trained on {head.Kind}, and this is {plan.Kind}: bits are promised within one kind only");
        var from = CheckpointReader.Newest(run, plan, new Step(step.Number - 1), damage => notes.Add($"passed over: {damage.Message}"));
        var partings = new List<Problem>();
        var compared = 0L;
        foreach (var line in Recompute(run, plan, from, step, cacheFolder, stop))
        {
            compared++;
            Compare(line, ledger.Lines[(int)line.Step - 1], $"{run.Ledger}:{line.Step + 1}", partings);
            computed?.Report((new Step(line.Step), step));
            if (partings.Count > 0)
                break;      // what follows is computed from other numbers
        }
        return new AuditResult(compared, partings, notes);
    }

    static IEnumerable<LedgerLine> Recompute(RunFolder run, JobPlan plan, Step from, Step to, string cacheFolder, CancellationToken stop)
    {
        using var folder = ModelFolder.Open(plan.Spec.Model.Path);
        using var data = TrainingData.Open(plan.Spec, JobPreparation.TokenizerOf(plan.Spec, folder), folder.Config, cacheFolder, stop: stop);
        DeterministicTorch.EnterWorkerThread(plan.Spec.Device.Threads);
        using var bases = new ResidentBases();
        using var lease = bases.Acquire(plan.Spec.Model.Path, ComputeDevice.PrecisionOf(plan.Spec), ComputeDevice.NameOf(plan.Spec, slot: 0));
        var method = Methods.Of(plan.Spec.Adapter, folder.Config);
        using var replica = new Replica(lease.Weights, method, plan.Spec.Training, ComputeDevice.KernelsOf(plan.Spec, method), plan.Spec.Device.Threads);
        if (from != Step.Start)
            replica.Import(CheckpointReader.Read(run, plan, from, method));
        else if (plan.Spec.Adapter.Init is { } init)
            StartAdapter.Read(init, method, folder.Config.Heads).Begin(replica);

        var packer = new BatchPacker();
        for (var step = from.Next; step <= to; step = step.Next)
        {
            var planned = StepPlan.For(plan, data, step);
            var tree = new CanonicalTree<PartialSum>(planned.MicroBatchCount, Add);
            for (var m = 0; m < planned.MicroBatchCount; m++)
            {
                stop.ThrowIfCancellationRequested();
                var leaf = new PartialSum { Node = TreeNode.Leaf(m), Gradient = new float[plan.Parameters], LossSum = 0, Tokens = 0 };
                var result = replica.Backward(data.Pack(packer, planned.MicroBatch(m)), planned.TokenWeight, leaf.Gradient);
                (leaf.LossSum, leaf.Tokens) = (result.LossSum, result.SupervisedTokens);
                tree.Add(leaf.Node, leaf);
            }
            var learningRate = LearningRate.At(plan, step);
            var norm = replica.Update(tree.Sum.Gradient, learningRate);
            yield return CommittedStep.LineOf(planned, tree.Sum.LossSum, norm, learningRate, replica.Digest());
        }
    }

    static PartialSum Add(PartialSum left, PartialSum right)
    {
        TensorPrimitives.Add<float>(left.Gradient, right.Gradient, left.Gradient);
        left.LossSum += right.LossSum;
        left.Tokens += right.Tokens;
        return left;
    }

    static void Compare(LedgerLine found, LedgerLine written, string place, List<Problem> partings)
    {
        Same("samples", string.Join(' ', found.Samples), string.Join(' ', written.Samples));
        Same("tokens", found.Tokens, written.Tokens);
        Same("supervised", found.Supervised, written.Supervised);
        Same("epoch", found.Epoch, written.Epoch);
        Same("learningRate", found.LearningRate, written.LearningRate);
        Same("loss", found.Loss, written.Loss);
        Same("gradientNorm", found.GradientNorm, written.GradientNorm);
        Same("parameters", found.Parameters, written.Parameters);

        void Same<T>(string field, T computed, T told) where T : IEquatable<T>
        {
            if (!computed.Equals(told))
                partings.Add(new Problem($"{place} step {written.Step} {field}", FormattableString.Invariant($"{told}"), FormattableString.Invariant($"{computed}, as computed again")));
        }
    }

    static string Difference(JobDigests now, LedgerHead head)
        => now.Spec != head.Spec ? "another spec" : now.Base != head.Base ? "another base" : now.Data != head.Data ? "other records" : "another start";
}
