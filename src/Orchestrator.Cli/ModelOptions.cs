using System.CommandLine;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Cli;

/// <summary>A base and an adapter to use.</summary>
/// <param name="Model">the base's folder</param>
/// <param name="Adapter">a file, a run's folder, or PEFT's; null is the bare base</param>
/// <param name="Tokenizer">its file; null takes the model's own</param>
/// <param name="Precision">null is fp32 on a CPU and bf16 on a GPU</param>
/// <param name="Device">null is a GPU where there is one</param>
/// <param name="Threads">on a CPU; null is one per core, at most 8</param>
sealed record ModelRequest(string Model, string? Adapter, string? Tokenizer, Precision? Precision, DeviceKind? Device, int? Threads);

/// <summary>The options of every verb that uses a model.</summary>
sealed class ModelOptions
{
    readonly Option<string> model = new("--model", "-m") { HelpName = "DIR", Required = true, Description = "The base, in Meta's or Hugging Face's layout." };
    readonly Option<string?> adapter = new("--adapter", "-a") { HelpName = "FILE", Description = "The adapter: a file, a run's folder, or PEFT's. Without it, the bare base." };
    readonly Option<string?> tokenizer = new("--tokenizer") { HelpName = "FILE", Description = "The tokenizer.model, where it is not the model's own." };
    readonly Option<Precision?> precision = new("--precision") { HelpName = "fp32|bf16|fp16", Description = "Type of the products; fp32 on a CPU, bf16 on a GPU." };
    readonly Option<DeviceKind?> device = new("--device") { HelpName = "cpu|cuda", Description = "What computes; a GPU where there is one." };
    readonly Option<int?> threads = new("--threads") { HelpName = "N", Description = "Threads on a CPU." };

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { model, adapter, tokenizer, precision, device, threads })
            command.Add(option);
        threads.Validators.Add(OptionRange.Of(threads, 1, 1024));
    }

    /// <summary>What they say.</summary>
    public ModelRequest Read(ParseResult parsed) => new(
        parsed.GetRequiredValue(model), parsed.GetValue(adapter), parsed.GetValue(tokenizer), parsed.GetValue(precision), parsed.GetValue(device), parsed.GetValue(threads));
}
