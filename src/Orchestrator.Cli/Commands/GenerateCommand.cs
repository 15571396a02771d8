using System.CommandLine;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Generation;

namespace Orchestrator.Cli.Commands;

/// <summary>What the command line of <c>generate</c> says.</summary>
/// <param name="Model">base and adapter</param>
/// <param name="Text">what to go on from: the template around instruction and input, or a text as it is</param>
/// <param name="Sampling">how tokens are drawn</param>
sealed record GenerateRequest(ModelRequest Model, string Text, GenerationOptions Sampling);

/// <summary><c>generate</c>: one answer, shown as it comes.</summary>
sealed class GenerateCommand : Verb<GenerateRequest>
{
    readonly ModelOptions model = new();
    readonly SamplingOptions sampling = new();
    readonly Option<string?> instruction = new("--instruction", "-i") { HelpName = "TEXT", Description = "What is asked." };
    readonly Option<string?> input = new("--input") { HelpName = "TEXT", Description = "What it is asked about." };
    readonly Option<string?> prompt = new("--prompt", "-p") { HelpName = "TEXT", Description = "A text to go on from as it is, without a template, instead of an instruction." };

    public GenerateCommand() : base("generate", "Answer an instruction, or continue a text.")
    {
        model.AddTo(this);
        foreach (var option in new Option[] { instruction, input, prompt })
            Add(option);
        sampling.AddTo(this);
        Add(Json);
        Validators.Add(result =>
        {
            if (result.GetResult(instruction) is null == result.GetResult(prompt) is null)
                result.AddError("Say either --instruction or --prompt.");
            if (result.GetResult(input) is not null && result.GetResult(instruction) is null)
                result.AddError("--input belongs to an --instruction.");
        });
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } =
    [
        "orchestrator generate --model models/llama-7b --adapter runs/alpaca-7b --instruction \"Name three rivers.\"",
        "orchestrator generate --model models/stories260K --prompt \"Once upon a time\" --temperature 0 --max-new-tokens 60",
    ];

    /// <inheritdoc/>
    public override GenerateRequest Read(ParseResult parsed) => new(
        model.Read(parsed),
        parsed.GetValue(prompt) ?? PromptTemplate.Alpaca.Prompt(parsed.GetRequiredValue(instruction)!, parsed.GetValue(input) ?? ""),
        sampling.Read(parsed));

    /// <inheritdoc/>
    protected override int Run(GenerateRequest request, Output output, CancellationToken stop)
    {
        using var view = new ProgressView(output, TimeProvider.System);
        using var loaded = LoadedModel.Open(request.Model, view);
        var tokens = loaded.Tokenizer.Encode(request.Text, bos: true);
        var pieces = loaded.Continue(tokens, request.Sampling, stop);
        if (output.IsJson)
        {
            output.JsonLine(new { text = string.Concat(pieces), prompt = request.Text, promptTokens = tokens.Length, request.Sampling.Temperature, request.Sampling.TopP, request.Sampling.Seed });
            return stop.IsCancellationRequested ? ExitCodes.Interrupted : ExitCodes.Done;
        }
        foreach (var piece in pieces)
        {
            output.Out.Write(piece);
            output.Out.Flush();
        }
        output.Line();
        return stop.IsCancellationRequested ? ExitCodes.Interrupted : ExitCodes.Done;
    }
}
