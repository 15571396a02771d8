using System.CommandLine;
using System.Globalization;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Evaluation;

namespace Orchestrator.Cli.Commands;

/// <summary>What the command line of <c>evaluate</c> says.</summary>
/// <param name="Model">base and adapter</param>
/// <param name="Data">the file of records, all of which are looked at</param>
/// <param name="ExactMatch">records whose answers are generated, from the first; 0 generates none</param>
/// <param name="MaxNewTokens">tokens after which a generated answer counts as wrong</param>
/// <param name="MaxSequenceLength">tokens that an example is cut to</param>
sealed record EvaluateRequest(ModelRequest Model, string Data, int ExactMatch, int MaxNewTokens, int MaxSequenceLength);

/// <summary><c>evaluate</c>: loss and perplexity on a file of records, and how many answers are word for word right.</summary>
sealed class EvaluateCommand : Verb<EvaluateRequest>
{
    const int MicroBatchSize = 4;

    readonly ModelOptions model = new();
    readonly Option<string> data = new("--data", "-d") { HelpName = "FILE", Required = true, Description = "The records; all of them are looked at." };
    readonly Option<int?> exactMatch = new("--exact-match") { HelpName = "N", Description = "Generate the answers of the first N records, greedily, and compare them word for word." };
    readonly Option<int?> maxNewTokens = new("--max-new-tokens") { HelpName = "N", Description = "Tokens after which a generated answer counts as wrong; 64 by default." };
    readonly Option<int?> length = new("--max-sequence-length") { HelpName = "N", Description = "Tokens that an example is cut to; 512 by default." };

    public EvaluateCommand() : base("evaluate", "Measure a model on records: loss, perplexity, answers that are word for word right.")
    {
        model.AddTo(this);
        foreach (var option in new Option[] { data, exactMatch, maxNewTokens, length, Json })
            Add(option);
        exactMatch.Validators.Add(OptionRange.Of(exactMatch, 0, int.MaxValue));
        maxNewTokens.Validators.Add(OptionRange.Of(maxNewTokens, 1, 1 << 20));
        length.Validators.Add(OptionRange.Of(length, 2, 1 << 20));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } =
    [
        "orchestrator evaluate --model models/llama-7b --adapter runs/alpaca-7b --data held_out.json",
        "orchestrator evaluate --model models/llama-7b --data held_out.json --exact-match 100 --json",
    ];

    /// <inheritdoc/>
    public override EvaluateRequest Read(ParseResult parsed) => new(
        model.Read(parsed), parsed.GetRequiredValue(data), parsed.GetValue(exactMatch) ?? 0, parsed.GetValue(maxNewTokens) ?? 64, parsed.GetValue(length) ?? 512);

    /// <inheritdoc/>
    protected override int Run(EvaluateRequest request, Output output, CancellationToken stop)
    {
        HeldOutLoss loss;
        ExactMatch match;
        using (var view = new ProgressView(output, TimeProvider.System))
        {
            using var loaded = LoadedModel.Open(request.Model, view);
            using var records = InspectCommand.OpenData(new DataSource
            {
                Path = request.Data,
                Tokenizer = loaded.TokenizerIfAny,
                Vocabulary = loaded.Model.Weights.Config.Vocabulary,
                MaxSequenceLength = request.MaxSequenceLength,
            }, view, stop);
            loss = HeldOutLoss.Of(loaded.Model, loaded.Adapter, Batches(records, view, stop));
            match = ExactMatch.Of(loaded.Generator, records, Enumerable.Range(0, Math.Min(request.ExactMatch, records.Count)), loaded.EndTokens, request.MaxNewTokens, (_, _, _) => stop.ThrowIfCancellationRequested());
        }
        if (output.IsJson)
            output.JsonLine(new { loss = loss.Mean, loss.Perplexity, supervisedTokens = loss.Tokens, exactMatch = match.Answers == 0 ? (double?)null : match.Share, answers = match.Answers });
        else
            output.Facts("",
            [
                ("loss", loss.Mean.ToString("0.0000", CultureInfo.InvariantCulture)),
                ("perplexity", loss.Perplexity.ToString("0.000", CultureInfo.InvariantCulture)),
                ("supervised tokens", loss.Tokens.ToString("N0", CultureInfo.InvariantCulture)),
                .. match.Answers == 0 ? Array.Empty<(string, string)>() : [("exact match", string.Create(CultureInfo.InvariantCulture, $"{match.Right} of {match.Answers}, {100 * match.Share:0.0} %"))],
            ]);
        return ExitCodes.Done;
    }

    static IEnumerable<MicroBatch> Batches(Dataset records, ProgressView view, CancellationToken stop)
    {
        var packer = new BatchPacker();
        for (var first = 0; first < records.Count; first += MicroBatchSize)
        {
            stop.ThrowIfCancellationRequested();
            var count = Math.Min(MicroBatchSize, records.Count - first);
            yield return packer.Pack(records, [.. Enumerable.Range(first, count)], PrefixSharing.CommonPrefixes);
            view.Report(new TrainingProgress.Preparing("evaluating", first + count, records.Count, "records"));
        }
    }
}
