namespace Orchestrator.Protocol.Jobs;

/// <summary>What a user asks for. Immutable; what follows from it is a <c>JobPlan</c>, what changes is the job's state.</summary>
public sealed record JobSpec
{
    /// <summary>The job's name: 1 to 63 lower-case letters, digits and hyphens, as a DNS label.</summary>
    public string Name { get; init; } = "";

    /// <summary>The frozen base.</summary>
    public ModelSpec Model { get; init; } = new();

    /// <summary>What is trained, and how it acts on the base.</summary>
    public AdapterSpec Adapter { get; init; } = new();

    /// <summary>The records and how they become tokens.</summary>
    public DataSpec Data { get; init; } = new();

    /// <summary>The optimisation.</summary>
    public TrainingSpec Training { get; init; } = new();

    /// <summary>How many workers compute, 1 to 1024. Never changes the result.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>What a worker computes on.</summary>
    public DeviceSpec Device { get; init; } = new();

    /// <summary>When the state is written, and what is kept.</summary>
    public CheckpointSpec Checkpoint { get; init; } = new();

    /// <summary>When the held-out records are looked at.</summary>
    public EvaluationSpec Evaluation { get; init; } = new();

    /// <summary>How much is computed a second time, to find a worker that computes wrong.</summary>
    public AuditSpec Audit { get; init; } = new();
}

/// <summary>Where the base is, and the type its products are computed in.</summary>
public sealed record ModelSpec
{
    /// <summary>A folder in Meta's or Hugging Face's layout.</summary>
    public string Path { get; init; } = "";

    /// <summary>A tokenizer file beside or apart from the model; null looks for <c>tokenizer.model</c> in the model's folder.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>Type of the frozen weights and products; null is fp32 on a CPU and bf16 on a GPU.</summary>
    public Precision? Precision { get; init; }
}

/// <summary>The type of the frozen weights and of the products with them.</summary>
public enum Precision
{
    /// <summary>IEEE single precision.</summary>
    Fp32,

    /// <summary>bfloat16.</summary>
    Bf16,

    /// <summary>IEEE half precision.</summary>
    Fp16,
}

/// <summary>The method and its sizes (arXiv 2303.16199).</summary>
public sealed record AdapterSpec
{
    /// <summary>Name of the method: <c>llama-adapter</c> or <c>full</c>.</summary>
    public string Method { get; init; } = "llama-adapter";

    /// <summary>Adapted layers, the upper ones; null is the original's 30, or all layers of a smaller base.</summary>
    public int? Layers { get; init; }

    /// <summary>Prompt slots per adapted layer.</summary>
    public int Length { get; init; } = 10;

    /// <summary>Whether each head has its own gate, or a layer's heads share one (so that PEFT can hold it).</summary>
    public GateSharing Gate { get; init; } = GateSharing.PerHead;

    /// <summary>An adapter file to start from; null starts from the method's own start values.</summary>
    public string? Init { get; init; }
}

/// <summary>How many gates an adapted layer has.</summary>
public enum GateSharing
{
    /// <summary>One per head, as the original.</summary>
    PerHead,

    /// <summary>One per layer.</summary>
    Shared,
}

/// <summary>The records, and how they become tokens.</summary>
public sealed record DataSpec
{
    /// <summary>Alpaca JSON, JSON lines of Alpaca records, or JSON lines of <c>input_ids</c> and <c>labels</c>.</summary>
    public string Path { get; init; } = "";

    /// <summary>Records held out, drawn by seed; null is 200, or a tenth of fewer than 2,000 records.</summary>
    public int? Validation { get; init; }

    /// <summary>Tokens an example is cut to, BOS and EOS included.</summary>
    public int MaxSequenceLength { get; init; } = 512;

    /// <summary>Whether each epoch has an order of its own; without it, the file's order.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>The prompt's template: <c>alpaca</c>.</summary>
    public string Template { get; init; } = "alpaca";
}

/// <summary>The optimisation: AdamW (arXiv 1711.05101) under a schedule.</summary>
public sealed record TrainingSpec
{
    /// <summary>Passes over the training records.</summary>
    public int Epochs { get; init; } = 5;

    /// <summary>Examples per step. The last incomplete batch of an epoch is dropped.</summary>
    public int GlobalBatchSize { get; init; } = 32;

    /// <summary>Examples per micro-batch, the unit of work.</summary>
    public int MicroBatchSize { get; init; } = 4;

    /// <summary>Highest learning rate, absolute; null is the original's 9e-3 × <see cref="GlobalBatchSize"/> / 256.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Learning rate at the end.</summary>
    public double MinLearningRate { get; init; }

    /// <summary>Shape of the learning rate over the run.</summary>
    public Schedule Schedule { get; init; } = Schedule.Cosine;

    /// <summary>Epochs (fractions allowed) of linear warm-up under <see cref="Schedule.Cosine"/>; null is 2, or two fifths of fewer than five epochs.</summary>
    public double? WarmupEpochs { get; init; }

    /// <summary>Steps of linear warm-up under the schedules by step.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>Decoupled decay of the parameters with two or more dimensions.</summary>
    public double WeightDecay { get; init; } = 0.02;

    /// <summary>Decay rates of the two moments, each in [0, 1).</summary>
    public IReadOnlyList<double> Betas { get; init; } = [0.9, 0.95];

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Largest L2 norm of a step's gradient; null does not clip.</summary>
    public double? GradientClip { get; init; }

    /// <summary>The only source of randomness.</summary>
    public long Seed { get; init; }
}

/// <summary>Shape of the learning rate.</summary>
public enum Schedule
{
    /// <summary>Linear warm-up, then half a cosine, both by fractional epoch: the original's.</summary>
    Cosine,

    /// <summary>Linear warm-up, then half a cosine, both by step: Stanford Alpaca's.</summary>
    CosineBySteps,

    /// <summary>Linear warm-up, then linear decay, both by step: Alpaca-LoRA's.</summary>
    LinearBySteps,
}

/// <summary>What a worker computes on.</summary>
public sealed record DeviceSpec
{
    /// <summary>The kind of accelerator; null is a GPU where there is one.</summary>
    public DeviceKind? Kind { get; init; }

    /// <summary>Threads of one worker on a CPU. Part of the result: kernels may sum in another order with another count.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>
    /// Which implementation computes a step; null is the fast one where it can compute the job, and the reference elsewhere. Part of the result: they agree in all
    /// but the last bits.
    /// </summary>
    public KernelKind? Kernels { get; init; }
}

/// <summary>A kind of accelerator.</summary>
public enum DeviceKind
{
    /// <summary>The processor.</summary>
    Cpu,

    /// <summary>An NVIDIA GPU.</summary>
    Cuda,
}

/// <summary>An implementation of the training step.</summary>
public enum KernelKind
{
    /// <summary>Kernels with a written-out backward pass, for processors and methods that have one.</summary>
    Fast,

    /// <summary>Plain tensor operations with autograd.</summary>
    Reference,
}

/// <summary>When the state is written, and what is kept.</summary>
public sealed record CheckpointSpec
{
    /// <summary>Steps between checkpoints; the end has one always.</summary>
    public int EverySteps { get; init; } = 200;

    /// <summary>How many of the last ones stay.</summary>
    public int KeepLast { get; init; } = 3;

    /// <summary>Whether the one with the lowest held-out loss stays as well.</summary>
    public bool KeepBest { get; init; } = true;
}

/// <summary>When the held-out records are looked at.</summary>
public sealed record EvaluationSpec
{
    /// <summary>Steps between evaluations; the end has one always.</summary>
    public int EverySteps { get; init; } = 500;

    /// <summary>Evaluations without a lower held-out loss after which the job ends; null trains to the end.</summary>
    public int? EarlyStop { get; init; }

    /// <summary>Held-out records whose answers are generated and compared word for word; 0 compares none.</summary>
    public int ExactMatch { get; init; }

    /// <summary>Tokens after which a generated answer counts as wrong.</summary>
    public int MaxNewTokens { get; init; } = 64;
}

/// <summary>What is computed a second time, on another worker.</summary>
public sealed record AuditSpec
{
    /// <summary>Share of the micro-batches that another worker computes as well, 0 to 1; null audits none. Never changes the result.</summary>
    public double? Share { get; init; }
}
