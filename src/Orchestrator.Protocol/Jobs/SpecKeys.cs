namespace Orchestrator.Protocol.Jobs;

/// <summary>Every key of a spec, in the order in which people read them. A test holds that none of <see cref="JobSpec"/> is missing.</summary>
public static class SpecKeys
{
    internal static readonly JobSpec Defaults = new();

    /// <summary>All keys.</summary>
    public static IReadOnlyList<SpecKey> All { get; } =
    [
        Text("name", spec => spec.Name, "Names the job, its run folder and its files. Left out, it is the spec's file name."),

        File("model.path", spec => spec.Model.Path, "Folder of the frozen base, in Meta's or Hugging Face's layout. A relative path starts at the spec."),
        File("model.tokenizer", spec => spec.Model.Tokenizer, "Tokenizer file; null takes tokenizer.model from the model's folder.") with { Optional = true },
        Choice("model.precision", spec => spec.Model.Precision,
            "Type of the frozen weights and of the products with them; null is fp32 on a CPU and bf16 on a GPU. The adapter is always fp32.") with { Optional = true },

        Text("adapter.method", spec => spec.Adapter.Method, "What is trained: llama-adapter, or full for every weight of the base."),
        Whole("adapter.layers", spec => spec.Adapter.Layers, "layers",
            "Adapted layers, counted from the top; null is 30, or all layers of a smaller base.") with { Optional = true, Range = From(1, 10_000) },
        Whole("adapter.length", spec => spec.Adapter.Length, "slots", "Prompt slots of each adapted layer.") with { Range = From(1, 10_000) },
        Choice("adapter.gate", spec => (GateSharing?)spec.Adapter.Gate, "One gate per head, or one that the heads of a layer share, which PEFT's format needs."),
        File("adapter.init", spec => spec.Adapter.Init, "Adapter file to start from; null starts from the method's own start values.") with { Optional = true },

        File("data.path", spec => spec.Data.Path, "Records: Alpaca JSON, JSON lines, or JSON lines with input_ids and labels. A relative path starts at the spec."),
        Whole("data.validation", spec => spec.Data.Validation, "records",
            "Records held out, drawn by seed; null is 200, or a tenth of fewer than 2,000.") with { Optional = true, Range = From(0, int.MaxValue) },
        Whole("data.maxSequenceLength", spec => spec.Data.MaxSequenceLength, "tokens", "Examples are cut to it, beginning and end mark included.") with { Range = From(2, 1 << 20) },
        Flag("data.shuffle", spec => spec.Data.Shuffle, "Whether each epoch has an order of its own; without it, the file's order."),
        Text("data.template", spec => spec.Data.Template, "How a record becomes a prompt.") with { OneOf = ["alpaca"] },

        Whole("training.epochs", spec => spec.Training.Epochs, "epochs", "Passes over the training records.") with { Range = From(1, 100_000) },
        Whole("training.globalBatchSize", spec => spec.Training.GlobalBatchSize, "examples",
            "Examples of one step, over all workers. The last incomplete batch of an epoch is dropped.") with { Range = From(1, 1 << 20) },
        Whole("training.microBatchSize", spec => spec.Training.MicroBatchSize, "examples",
            "Examples computed at once, on average: micro-batches, the unit that workers share, cost about the same and have at most twice as many. More need more memory.") with { Range = From(1, 1 << 20) },
        Number("training.learningRate", spec => spec.Training.LearningRate,
            "Highest learning rate, absolute; null is 0.009 × globalBatchSize / 256.") with { Optional = true, Range = new() { Above = 0, AtMost = 10 } },
        Number("training.minLearningRate", spec => spec.Training.MinLearningRate, "Learning rate at the end.") with { Range = From(0, 10) },
        Choice("training.schedule", spec => (Schedule?)spec.Training.Schedule, "Shape of the learning rate over the run, after a linear warm-up."),
        Number("training.warmupEpochs", spec => spec.Training.WarmupEpochs,
            "Epochs of warm-up under cosine; null is 2, or two fifths of fewer than five epochs.", "epochs") with { Optional = true, Range = From(0, 100_000) },
        Whole("training.warmupSteps", spec => spec.Training.WarmupSteps, "steps", "Steps of warm-up under the schedules by steps.") with { Range = From(0, int.MaxValue) },
        Number("training.weightDecay", spec => spec.Training.WeightDecay, "Decoupled decay of the parameters with two or more dimensions.") with { Range = From(0, 1) },
        new("training.betas", SpecKind.Numbers, spec => spec.Training.Betas, "Decay rates of AdamW's two moments.") { Range = new() { AtLeast = 0, Below = 1 } },
        Number("training.epsilon", spec => spec.Training.Epsilon, "Added to the root of the second moment.") with { Range = new() { Above = 0, AtMost = 1 } },
        Number("training.gradientClip", spec => spec.Training.GradientClip,
            "Largest L2 norm of a step's gradient; null does not clip.") with { Optional = true, Range = new() { Above = 0 } },
        Whole("training.seed", spec => spec.Training.Seed, "", "The only source of randomness."),

        Whole("workers", spec => spec.Workers, "workers", "How many compute. It never changes the result.") with { Range = From(1, 1024) },

        Choice("device.kind", spec => spec.Device.Kind, "What a worker computes on; null is a GPU where there is one.") with { Optional = true },
        Whole("device.threads", spec => spec.Device.Threads, "threads", "Threads of one worker on a CPU. The result depends on it, in its last bits.") with { Range = From(1, 1024) },
        Choice("device.kernels", spec => spec.Device.Kernels,
            "Which implementation computes a step; null is fast where it can be. The result depends on it, in its last bits.") with { Optional = true },

        Whole("checkpoint.everySteps", spec => spec.Checkpoint.EverySteps, "steps", "Steps between checkpoints; the end has one always.") with { Range = From(1, int.MaxValue) },
        Whole("checkpoint.keepLast", spec => spec.Checkpoint.KeepLast, "checkpoints", "How many of the last ones stay.") with { Range = From(1, 100_000) },
        Flag("checkpoint.keepBest", spec => spec.Checkpoint.KeepBest, "Whether the one with the lowest held-out loss stays as well."),

        Whole("evaluation.everySteps", spec => spec.Evaluation.EverySteps, "steps", "Steps between looks at the held-out records; the end has one always.") with { Range = From(1, int.MaxValue) },
        Whole("evaluation.earlyStop", spec => spec.Evaluation.EarlyStop, "evaluations",
            "Evaluations without a lower held-out loss after which the job ends; null trains to the end.") with { Optional = true, Range = From(1, 100_000) },
        Whole("evaluation.exactMatch", spec => spec.Evaluation.ExactMatch, "records", "Held-out records whose answers are generated and compared word for word.") with { Range = From(0, int.MaxValue) },
        Whole("evaluation.maxNewTokens", spec => spec.Evaluation.MaxNewTokens, "tokens", "Length at which a generated answer counts as wrong.") with { Range = From(1, 1 << 20) },

        Number("audit.share", spec => spec.Audit.Share,
            "Share of the micro-batches that another worker computes as well, to find one that computes wrong; null audits none. It never changes the result.")
            with { Optional = true, Range = From(0, 1) },
    ];

    /// <summary>The groups, in order: <c>model</c>, <c>adapter</c> and so on.</summary>
    public static IReadOnlyList<string> Groups { get; } = [.. All.Select(key => key.Group).Where(group => group.Length > 0).Distinct()];

    /// <summary>The key at <paramref name="path"/>, or null.</summary>
    public static SpecKey? Find(string path) => All.FirstOrDefault(key => key.Path == path);

    static SpecRange From(double least, double most) => new() { AtLeast = least, AtMost = most };

    static SpecKey Text(string path, Func<JobSpec, string?> value, string says) => new(path, SpecKind.Text, value, says);

    static SpecKey File(string path, Func<JobSpec, string?> value, string says) => Text(path, value, says) with { IsPath = true };

    static SpecKey Flag(string path, Func<JobSpec, bool> value, string says) => new(path, SpecKind.Flag, spec => value(spec), says);

    static SpecKey Whole(string path, Func<JobSpec, long?> value, string unit, string says) => new(path, SpecKind.Whole, spec => value(spec), says) { Unit = unit };

    static SpecKey Number(string path, Func<JobSpec, double?> value, string says, string unit = "") => new(path, SpecKind.Number, spec => value(spec), says) { Unit = unit };

    static SpecKey Choice<TEnum>(string path, Func<JobSpec, TEnum?> value, string says) where TEnum : struct, Enum
        => new(path, SpecKind.Text, spec => value(spec) is { } choice ? SpecKey.NameOf(choice) : null, says) { OneOf = SpecKey.NamesOf<TEnum>() };
}
