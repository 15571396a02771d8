using System.Globalization;

namespace Orchestrator.Protocol.Jobs;

/// <summary>Every rule of a spec. What a rule needs to know of files (does the base have so many layers?) is checked where the files are opened.</summary>
public static class SpecRules
{
    /// <summary>Whatever is wrong with a spec.</summary>
    /// <returns>all problems, in the order of the keys; their place is the key's path: <c>training.betas[1]</c></returns>
    public static IReadOnlyList<Problem> Check(JobSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var single = SpecKeys.All.SelectMany(key => OfOneKey(key, key.Value(spec))).ToList();
        var broken = single.Select(problem => problem.Place).ToHashSet();
        // A rule about two keys says nothing new where one of them is wrong by itself.
        return [.. single, .. OfSeveralKeys(spec).Where(problem => !broken.Contains(problem.Place))];
    }

    /// <summary>Passes a spec on if nothing is wrong with it.</summary>
    /// <exception cref="ProblemException">with all problems</exception>
    public static JobSpec Demand(JobSpec spec) => Check(spec) is { Count: > 0 } problems ? throw new ProblemException([.. problems]) : spec;

    /// <summary>What a user would want to know of a spec that is right.</summary>
    /// <returns>sentences, each beginning with the key it is about</returns>
    public static IReadOnlyList<string> Warnings(JobSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var training = spec.Training;
        var microBatches = (training.GlobalBatchSize + training.MicroBatchSize - 1) / training.MicroBatchSize;
        return spec.Workers <= microBatches
            ? []
            : [$"workers: {spec.Workers} share {microBatches} micro-batches a step, so {spec.Workers - microBatches} idle; a smaller training.microBatchSize employs more"];
    }

    static IEnumerable<Problem> OfOneKey(SpecKey key, object? value) => (key.Kind, value) switch
    {
        (_, null) => key.Optional ? [] : [new(key.Path, "nothing", key.Expects)],
        (SpecKind.Text, string text) => OfText(key, text),
        (SpecKind.Whole, long number) when !key.Range.Contains(number) => [new(key.Path, Shown(number), key.Expects)],
        (SpecKind.Number, double number) when !key.Range.Contains(number) => [new(key.Path, Shown(number), key.Expects)],
        (SpecKind.Numbers, IReadOnlyList<double> numbers) => numbers
            .Select((number, i) => (Number: number, Path: $"{key.Path}[{i}]"))
            .Where(item => !key.Range.Contains(item.Number))
            .Select(item => new Problem(item.Path, Shown(item.Number), $"a number, {key.Range}")),
        _ => [],
    };

    static IEnumerable<Problem> OfText(SpecKey key, string text) => key.Path switch
    {
        "name" when !JobName.TryParse(text, out _) => [new("name", $"'{text}'", JobName.Rule, $"'{JobName.From(text)}' would do")],
        "model.path" when text.Length == 0 => [new("model.path", "nothing", "the folder of a LLaMA, in Meta's or Hugging Face's layout")],
        "data.path" when text.Length == 0 => [new("data.path", "nothing", "a file of records, in Alpaca's format or as JSON lines")],
        "adapter.method" when text.Length == 0 => [new("adapter.method", "nothing", "the name of a method", $"{key.Default} is usual")],
        _ when text.Contains('\0', StringComparison.Ordinal) => [new(key.Path, "a NUL character", "a text without one")],
        _ when key.Optional && text.Length == 0 && key.OneOf is null => [new(key.Path, "an empty text", key.Expects)],
        _ when key.OneOf is { } words && !words.Contains(text) => [new(key.Path, $"'{text}'", key.Expects)],
        _ => [],
    };

    static IEnumerable<Problem> OfSeveralKeys(JobSpec spec)
    {
        var (training, evaluation, data) = (spec.Training, spec.Evaluation, spec.Data);
        if (training.MicroBatchSize > training.GlobalBatchSize)
            yield return new("training.microBatchSize", Shown(training.MicroBatchSize), $"at most training.globalBatchSize, {Shown(training.GlobalBatchSize)}",
                "a micro-batch is a part of a step's batch");
        if (training.LearningRate is { } highest && training.MinLearningRate > highest)
            yield return new("training.minLearningRate", Shown(training.MinLearningRate), $"at most training.learningRate, {Shown(highest)}");
        if (training.Betas is { Count: not 2 } betas)
            yield return new("training.betas", $"{betas.Count} numbers", "two numbers", "[0.9, 0.95] is usual");

        if (training.Schedule == Schedule.Cosine)
        {
            if (training.WarmupEpochs is { } warmup && warmup > training.Epochs)
                yield return new("training.warmupEpochs", Shown(warmup), $"at most training.epochs, {training.Epochs}");
            if (training.WarmupSteps != 0)
                yield return new("training.warmupSteps", Shown(training.WarmupSteps), "0 under the schedule cosine",
                    "say training.warmupEpochs, or training.schedule: cosineBySteps");
        }
        else if (training.WarmupEpochs is { } epochs)
            yield return new("training.warmupEpochs", Shown(epochs), $"null under the schedule {SpecKey.NameOf(training.Schedule)}", "say training.warmupSteps");

        if (data.Validation == 0 && evaluation.EarlyStop is { } patience)
            yield return new("evaluation.earlyStop", Shown(patience), "null where data.validation is 0", "hold out some records, or train to the end");
        if (data.Validation is { } heldOut && evaluation.ExactMatch > heldOut)
            yield return new("evaluation.exactMatch", Shown(evaluation.ExactMatch), $"at most data.validation, {heldOut}");
    }

    static string Shown(double number) => number.ToString(CultureInfo.InvariantCulture);
}
