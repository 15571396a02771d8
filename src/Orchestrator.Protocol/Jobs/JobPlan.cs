using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Protocol.Jobs;

/// <summary>What follows from a spec once its data and its base were looked at. Immutable; all that the steps need to know beside the samples' sizes.</summary>
public sealed record JobPlan
{
    /// <summary>What the user asked for.</summary>
    public required JobSpec Spec { get; init; }

    /// <summary>Records that are trained on.</summary>
    public required int TrainingSamples { get; init; }

    /// <summary>Records that are held out.</summary>
    public required int ValidationSamples { get; init; }

    /// <summary>Length of the flat parameter vector.</summary>
    public required int Parameters { get; init; }

    /// <summary>Digests of what the result is a function of.</summary>
    public required JobDigests Digests { get; init; }

    /// <summary>Kind of device and versions, within which the bits are promised: <c>cpu AuthenticAMD-25-17-avx512bf16 fp32 fast threads-1 libtorch-2.10.0</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Steps of an epoch; its last incomplete batch is dropped.</summary>
    public int StepsPerEpoch => TrainingSamples / Spec.Training.GlobalBatchSize;

    /// <summary>The last step.</summary>
    public Step Last => new((long)StepsPerEpoch * Spec.Training.Epochs);

    /// <summary>M, micro-batches of a step.</summary>
    public int MicroBatches => (Spec.Training.GlobalBatchSize + Spec.Training.MicroBatchSize - 1) / Spec.Training.MicroBatchSize;

    /// <summary>The highest learning rate.</summary>
    public double LearningRate => Spec.Training.LearningRate ?? 9e-3 * Spec.Training.GlobalBatchSize / 256;

    /// <summary>Epochs of warm-up.</summary>
    public double WarmupEpochs => Spec.Training.WarmupEpochs ?? Math.Min(2, 0.4 * Spec.Training.Epochs);

    /// <summary>The epoch of a step and its place within it, both from 0.</summary>
    public (int Epoch, int Iteration) EpochOf(Step step) => ((int)((step.Number - 1) / StepsPerEpoch), (int)((step.Number - 1) % StepsPerEpoch));

    /// <summary>Whether the state after this step is written.</summary>
    public bool IsCheckpoint(Step step) => step == Last || step.Number % Spec.Checkpoint.EverySteps == 0 || IsEvaluation(step);

    /// <summary>Whether the adapter after this step is evaluated.</summary>
    public bool IsEvaluation(Step step) => ValidationSamples > 0 && (step == Last || step.Number % Spec.Evaluation.EverySteps == 0);

    /// <summary>Where the workers stop after <paramref name="from"/> without being asked: the next evaluation that may end the job, or the end.</summary>
    public Step BoundaryAfter(Step from)
    {
        if (Spec.Evaluation.EarlyStop is null || ValidationSamples == 0)
            return Last;
        var next = new Step((from.Number / Spec.Evaluation.EverySteps + 1) * Spec.Evaluation.EverySteps);
        return next < Last ? next : Last;
    }
}

/// <summary>SHA-256, in lower-case hexadecimal, of what a job's result is a function of.</summary>
/// <param name="Spec">the part of the spec that defines the result, without names and paths</param>
/// <param name="Base">the base's files</param>
/// <param name="Data">the tokenised records</param>
/// <param name="Init">the adapter that training starts from; empty without one</param>
public sealed record JobDigests(string Spec, string Base, string Data, string Init);
