using System.CommandLine;
using System.Globalization;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;

namespace Orchestrator.Cli.Commands;

/// <summary>What the command line of <c>inspect</c> says.</summary>
/// <param name="Path">a file or a folder</param>
/// <param name="Model">the base whose tokenizer cuts the records; null without one</param>
/// <param name="Tokenizer">a tokenizer's file; null without one</param>
/// <param name="Records">the records to show, both included; null is the first three, and all of them for programs</param>
/// <param name="MaxSequenceLength">tokens that an example is cut to</param>
sealed record InspectRequest(string Path, string? Model, string? Tokenizer, (int First, int Last)? Records, int MaxSequenceLength);

/// <summary><c>inspect</c>: what a file or folder holds; of records, what the model will see.</summary>
sealed class InspectCommand : Verb<InspectRequest>
{
    const int ShownRecords = 3;

    readonly Argument<string> path = new("PATH") { Description = "A model, an adapter, a checkpoint, a tokenizer, or a file of records." };
    readonly Option<string?> model = new("--model", "-m") { HelpName = "DIR", Description = "Of records: the base whose tokenizer cuts them." };
    readonly Option<string?> tokenizer = new("--tokenizer") { HelpName = "FILE", Description = "Of records: the tokenizer.model that cuts them." };
    readonly Option<(int First, int Last)?> records = new("--records", "-r") { HelpName = "FIRST..LAST", Description = "Of records: which, counted from 0, both included. The first three by default; with --json all." };
    readonly Option<int?> length = new("--max-sequence-length") { HelpName = "N", Description = "Of records: tokens that an example is cut to; 512 by default." };

    public InspectCommand() : base("inspect", "Show what a file or folder holds, or records as the model will see them.")
    {
        records.CustomParser = result => Range(result.Tokens[0].Value) is { } range ? range : Refused(result);
        length.Validators.Add(OptionRange.Of(length, 2, 1 << 20));
        Add(path);
        foreach (var option in new Option[] { model, tokenizer, records, length, Json })
            Add(option);

        static (int, int)? Refused(System.CommandLine.Parsing.ArgumentResult result)
        {
            result.AddError($"--records {result.Tokens[0].Value}: FIRST..LAST expected, such as 0..9.");
            return null;
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } =
    [
        "orchestrator inspect models/llama-7b",
        "orchestrator inspect runs/alpaca-7b/adapter.safetensors --json",
        "orchestrator inspect alpaca_data.json --model models/llama-7b --records 0..4",
        "orchestrator inspect alpaca_data.json --tokenizer tokenizer.model --json > tokens.jsonl",
    ];

    /// <inheritdoc/>
    public override InspectRequest Read(ParseResult parsed) => new(
        parsed.GetRequiredValue(path), parsed.GetValue(model), parsed.GetValue(tokenizer), parsed.GetValue(records), parsed.GetValue(length) ?? 512);

    /// <inheritdoc/>
    protected override int Run(InspectRequest request, Output output, CancellationToken stop)
    {
        var isData = request is not { Model: null, Tokenizer: null, Records: null } || File.Exists(request.Path) && System.IO.Path.GetExtension(request.Path) is ".json" or ".jsonl";
        if (isData)
            ShowRecords(request, output, stop);
        else
            Show(Inspection.Of(request.Path, CacheFolder.Path), output);
        return ExitCodes.Done;
    }

    static void Show(Inspection found, Output output)
    {
        if (output.IsJson)
        {
            output.JsonLine(new { found.Kind, found.Path, facts = found.Facts.ToDictionary(fact => fact.Key, fact => fact.Value), tensors = found.Tensors });
            return;
        }
        output.Facts($"{found.Kind}: {found.Path}", found.Facts.Select(fact => (fact.Key, fact.Value)));
        if (found.Tensors.Count == 0)
            return;
        output.Line();
        output.Table(
            ["tensor", "type", "shape#", "size#", "file"],
            found.Tensors.Select(tensor => new[] { tensor.Name, tensor.Type, $"[{string.Join(", ", tensor.Shape)}]", ProgressText.Bytes(tensor.Bytes), tensor.File }));
    }

    static void ShowRecords(InspectRequest request, Output output, CancellationToken stop)
    {
        using var folder = request.Model is null ? null : ModelFolder.Open(request.Model);
        var tokenizerPath = request.Tokenizer ?? folder?.TokenizerPath;
        using var view = new ProgressView(output, TimeProvider.System);
        using var data = OpenData(new DataSource
        {
            Path = request.Path,
            Tokenizer = tokenizerPath is null ? null : Tokenizer.Open(tokenizerPath),
            Vocabulary = folder?.Config.Vocabulary,
            MaxSequenceLength = request.MaxSequenceLength,
        }, view, stop);
        var (first, last) = request.Records ?? (0, output.IsJson ? data.Count - 1 : Math.Min(ShownRecords, data.Count) - 1);
        if (last >= data.Count)
            throw new ProblemException("--records", $"{first}..{last}", $"records from 0 to {data.Count - 1}");
        var records = DataInspection.Records(data, tokenizerPath is null ? null : Tokenizer.Open(tokenizerPath), first, last);
        if (output.IsJson)
        {
            foreach (var record in records)
            {
                stop.ThrowIfCancellationRequested();
                output.Line(record.ToJsonLine());
            }
            return;
        }
        output.Facts($"records: {request.Path}",
        [
            ("format", data.Kind == RecordKind.Alpaca ? "Alpaca" : "tokens"),
            ("records", Number(data.Count)),
            ("tokens", $"{Number(data.TokenCount)}, {Number(data.SupervisedCount)} supervised"),
            ("digest", data.Digest),
        ]);
        foreach (var record in records)
            RecordView.Write(record, output);
    }

    /// <summary>Opens records through the cache, on all cores, with a progress bar.</summary>
    internal static Dataset OpenData(DataSource source, IProgress<TrainingProgress> view, CancellationToken stop)
        => Dataset.Open(source, CacheFolder.Path, (count, body) => Parallel.For(0, count, body), new Tokenising(view), stop);

    // Progress<T> would report from another thread, after the bar is gone.
    sealed class Tokenising(IProgress<TrainingProgress> view) : IProgress<DatasetProgress>
    {
        public void Report(DatasetProgress value) => view.Report(new TrainingProgress.Preparing("tokenising", value.Done, value.Total, "records"));
    }

    static (int First, int Last)? Range(string text)
    {
        var parts = text.Split("..");
        var (first, last) = (-1, -1);
        var isRange = parts.Length is 1 or 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out first)
            && int.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out last) && first <= last;
        return isRange ? (first, last) : null;
    }

    static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
