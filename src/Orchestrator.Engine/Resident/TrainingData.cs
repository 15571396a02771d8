using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Order;

namespace Orchestrator.Engine.Resident;

/// <summary>A job's records: tokenised, split, and packed into micro-batches on demand. Any number of threads may read it.</summary>
public sealed class TrainingData : ISampleSizes, IDisposable
{
    readonly Dataset dataset;
    readonly DatasetSplit split;

    TrainingData(Dataset dataset, DatasetSplit split, TokenCost cost) => (this.dataset, this.split, Cost) = (dataset, split, cost);

    /// <summary>Opens the records of a spec, from the cache where it has them.</summary>
    /// <param name="spec">which records, and the seed that draws those held out</param>
    /// <param name="tokenizer">the base's; null where the records are tokens already</param>
    /// <param name="config">the base's shapes</param>
    /// <param name="cacheFolder">where tokenised records are kept</param>
    /// <param name="progress">told while records are tokenised</param>
    /// <param name="stop">gives up</param>
    /// <exception cref="Protocol.ProblemException">records that cannot be used</exception>
    public static TrainingData Open(JobSpec spec, Tokenizer? tokenizer, LlamaConfig config, string cacheFolder, IProgress<DatasetProgress>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(config);
        var dataset = Dataset.Open(new DataSource
        {
            Path = spec.Data.Path,
            Tokenizer = tokenizer,
            Vocabulary = config.Vocabulary,
            Template = PromptTemplate.Named(spec.Data.Template),
            MaxSequenceLength = spec.Data.MaxSequenceLength,
        }, cacheFolder, (count, body) => Parallel.For(0, count, body), progress, stop);
        var hash = Counter.Of(spec.Training.Seed, Streams.HeldOut);
        return new TrainingData(dataset, dataset.Split(spec.Data.Validation, hash.Bits), StepCost.OfToken(config, Methods.Of(spec.Adapter, config)));
    }

    /// <summary>The tokenised records, held-out ones included.</summary>
    public Dataset Records => dataset;

    /// <summary>Records that are trained on, by sample.</summary>
    public IReadOnlyList<int> Training => split.Training;

    /// <summary>Records that are held out.</summary>
    public IReadOnlyList<int> Validation => split.Validation;

    /// <inheritdoc/>
    public int Length(int sample) => dataset.Length(split.Training[sample]);

    /// <inheritdoc/>
    public int Supervised(int sample) => dataset.Supervised(split.Training[sample]);

    /// <inheritdoc/>
    public int Shared(int sample, int other) => BatchPacker.SharedRows(dataset, split.Training[sample], split.Training[other]);

    /// <inheritdoc/>
    public TokenCost Cost { get; }

    /// <summary>The micro-batch of these samples.</summary>
    /// <param name="packer">the calling thread's own</param>
    /// <param name="samples">their numbers</param>
    public MicroBatch Pack(BatchPacker packer, ReadOnlySpan<int> samples)
    {
        ArgumentNullException.ThrowIfNull(packer);
        Span<int> records = stackalloc int[samples.Length];
        for (var i = 0; i < samples.Length; i++)
            records[i] = split.Training[samples[i]];
        return packer.Pack(dataset, records, PrefixSharing.CommonPrefixes);
    }

    /// <inheritdoc/>
    public void Dispose() => dataset.Dispose();
}
