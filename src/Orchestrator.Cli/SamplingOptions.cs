using System.CommandLine;
using Orchestrator.Learning.Generation;

namespace Orchestrator.Cli;

/// <summary>The options of every verb that generates text.</summary>
sealed class SamplingOptions
{
    static readonly GenerationOptions usual = new();

    readonly Option<int?> maxNewTokens = new("--max-new-tokens") { HelpName = "N", Description = $"Most tokens of an answer; {usual.MaxNewTokens} by default." };
    readonly Option<double?> temperature = new("--temperature") { HelpName = "T", Description = FormattableString.Invariant($"How freely tokens are drawn; 0 always takes the likeliest. {usual.Temperature} by default.") };
    readonly Option<double?> topP = new("--top-p") { HelpName = "P", Description = FormattableString.Invariant($"Only from the likeliest tokens that together have this probability; {usual.TopP} by default.") };
    readonly Option<long?> seed = new("--seed") { HelpName = "S", Description = "The only source of randomness; 0 by default, so that the same question has the same answer." };

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { maxNewTokens, temperature, topP, seed })
            command.Add(option);
        maxNewTokens.Validators.Add(OptionRange.Of(maxNewTokens, 1, 1 << 20));
        temperature.Validators.Add(OptionRange.Of(temperature, 0.0, 100.0));
        topP.Validators.Add(OptionRange.Of(topP, 1e-6, 1.0));
    }

    /// <summary>What they say.</summary>
    public GenerationOptions Read(ParseResult parsed) => usual with
    {
        MaxNewTokens = parsed.GetValue(maxNewTokens) ?? usual.MaxNewTokens,
        Temperature = parsed.GetValue(temperature) ?? usual.Temperature,
        TopP = parsed.GetValue(topP) ?? usual.TopP,
        Seed = parsed.GetValue(seed) ?? usual.Seed,
    };
}
