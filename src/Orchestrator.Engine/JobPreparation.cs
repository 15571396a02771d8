using System.Security.Cryptography;
using System.Text;
using Orchestrator.Engine.Resident;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Files;
using Orchestrator.Learning.Kernels;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine;

/// <summary>Who wants to see how far the preparation of a job is.</summary>
/// <param name="BytesHashed">bytes of the base read for its digest since the last call</param>
/// <param name="Tokenised">records tokenised so far</param>
public sealed record PreparationProgress(IProgress<long>? BytesHashed = null, IProgress<DatasetProgress>? Tokenised = null);

/// <summary>A spec whose data and base were looked at.</summary>
/// <param name="Plan">what follows from it</param>
/// <param name="Warnings">what the user may not have meant</param>
/// <param name="BaseBytes">bytes of the base's weights on disk</param>
/// <param name="Records">records of the data, held-out ones included</param>
/// <param name="FromCache">whether the records were tokenised before</param>
public sealed record PreparedJob(JobPlan Plan, IReadOnlyList<string> Warnings, long BaseBytes, int Records, bool FromCache);

/// <summary>From a spec to a plan: opens the base and the data, counts and takes digests. Weights are not loaded.</summary>
public static class JobPreparation
{
    /// <summary>The plan of a spec.</summary>
    /// <param name="spec">what the user asks for</param>
    /// <param name="cacheFolder">where tokenised records and digests are kept</param>
    /// <param name="progress">who watches</param>
    /// <param name="stop">gives up</param>
    /// <exception cref="ProblemException">all that is wrong with the spec, or the first file that cannot be used</exception>
    public static PreparedJob Prepare(JobSpec spec, string cacheFolder, PreparationProgress progress, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(progress);
        SpecRules.Demand(spec);
        using var model = ModelFolder.Open(spec.Model.Path);
        var method = Methods.Of(spec.Adapter, model.Config);
        var kind = ComputeDevice.Describe(spec, method);
        var tokenizer = TokenizerOf(spec, model);
        using var data = TrainingData.Open(spec, tokenizer, model.Config, cacheFolder, progress.Tokenised, stop);
        var digests = new JobDigests(
            CanonicalJson.Digest(CanonicalJson.ResultDefining(spec)),
            model.Digest(cacheFolder, progress.BytesHashed),
            data.Records.Digest,
            spec.Adapter.Init is { } init ? DigestOf(init, cacheFolder) : "");
        var plan = new JobPlan
        {
            Spec = spec,
            TrainingSamples = data.Training.Count,
            ValidationSamples = data.Validation.Count,
            Parameters = method.Layout.Count,
            Digests = digests,
            Kind = kind,
        };
        if (plan.StepsPerEpoch == 0)
        {
            throw new ProblemException("training.globalBatchSize", $"{spec.Training.GlobalBatchSize} with {plan.TrainingSamples} training records ({plan.ValidationSamples} are held out)",
                $"at most {plan.TrainingSamples}", "an epoch needs one whole batch: lower it, or data.validation");
        }
        SpareMemory.GiveBack();      // libtorch has registered its operators, and the records are tokenised
        return new PreparedJob(plan, WarningsOf(plan), model.Bytes, data.Records.Count, data.Records.FromCache);
    }

    /// <summary>The tokenizer that a spec means: its own, the one beside the base, or none.</summary>
    public static Tokenizer? TokenizerOf(JobSpec spec, ModelFolder model)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(model);
        return (spec.Model.Tokenizer ?? model.TokenizerPath) is { } path ? Tokenizer.Open(path) : null;
    }

    static string DigestOf(string init, string cacheFolder)
    {
        var digests = new FileDigests(cacheFolder);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(AdapterFile.FilesOf(init).Select(file => digests.Sha256(file))))));
    }

    static List<string> WarningsOf(JobPlan plan)
    {
        var spec = plan.Spec;
        var warnings = new List<string>(SpecRules.Warnings(spec));
        if (spec.Workers > plan.MicroBatches && !warnings.Any(warning => warning.Contains("worker", StringComparison.OrdinalIgnoreCase)))
            warnings.Add($"{spec.Workers} workers, but a step has {plan.MicroBatches} micro-batches: {spec.Workers - plan.MicroBatches} will idle; lower training.microBatchSize to use them");
        if (ComputeDevice.KindOf(spec.Device) == DeviceKind.Cpu && ComputeDevice.PrecisionOf(spec) != Precision.Fp32 && !FastKernels.HasBf16Products)
            warnings.Add("this processor has no instruction for 16-bit products: they run in a loop, some fifty times slower than fp32; set model.precision: fp32");
        var cut = plan.TrainingSamples % spec.Training.GlobalBatchSize;
        if (cut > 0)
            warnings.Add($"{cut} of {plan.TrainingSamples} training records do not fill a batch of {spec.Training.GlobalBatchSize} and are left out of each epoch");
        return warnings;
    }
}
