using System.CommandLine;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;

namespace Orchestrator.Cli.Commands;

/// <summary>What the command line of <c>export</c> says.</summary>
/// <param name="Adapter">a file, a run's or checkpoint's folder, or PEFT's</param>
/// <param name="Format">safetensors, upstream or peft</param>
/// <param name="Target">file or folder to write</param>
/// <param name="Gates">of upstream: as trained, or tanh of it</param>
/// <param name="Base">what PEFT's configuration shall call the base</param>
/// <param name="Length">K, where the file does not tell</param>
sealed record ExportRequest(string Adapter, string Format, string Target, UpstreamGates Gates, string Base, int? Length);

/// <summary><c>export</c>: an adapter in the format that another program reads.</summary>
sealed class ExportCommand : Verb<ExportRequest>
{
    readonly Argument<string> adapter = new("ADAPTER") { Description = "The adapter: a file, a run's or a checkpoint's folder, or PEFT's." };
    readonly Option<string> format = new("--format", "-f") { Required = true, Description = "safetensors: ours. upstream: a .pth for the original. peft: a folder for Hugging Face's PEFT." };
    readonly Option<string> target = new("--output", "-o") { HelpName = "PATH", Required = true, Description = "The file, or of peft the folder, to write." };
    readonly Option<UpstreamGates> gates = new("--gates") { HelpName = "raw|tanh", Description = "Of upstream: raw for its training, tanh for its inference, which applies none. tanh by default.", DefaultValueFactory = _ => UpstreamGates.Tanh };
    readonly Option<string?> baseName = new("--base") { HelpName = "NAME", Description = "Of peft: what its configuration calls the base." };
    readonly Option<int?> length = new("--length") { HelpName = "K", Description = "Of peft: prompt slots per layer, where the adapter's file does not tell." };

    public ExportCommand() : base("export", "Write an adapter in another program's format.")
    {
        format.AcceptOnlyFromAmong("safetensors", "upstream", "peft");
        Add(adapter);
        foreach (var option in new Option[] { format, target, gates, baseName, length, Json })
            Add(option);
        length.Validators.Add(OptionRange.Of(length, 1, 10_000));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } =
    [
        "orchestrator export runs/alpaca-7b --format upstream --output adapter.pth",
        "orchestrator export runs/alpaca-7b --format peft --output peft/ --base huggyllama/llama-7b",
    ];

    /// <inheritdoc/>
    public override ExportRequest Read(ParseResult parsed) => new(
        parsed.GetRequiredValue(adapter), parsed.GetRequiredValue(format), parsed.GetRequiredValue(target), parsed.GetValue(gates), parsed.GetValue(baseName) ?? "", parsed.GetValue(length));

    /// <inheritdoc/>
    protected override int Run(ExportRequest request, Output output, CancellationToken stop)
    {
        if (Path.GetFullPath(request.Target) == Path.GetFullPath(request.Adapter))
            throw new ProblemException("--output", request.Target, "another place than the adapter's own");
        using var contents = AdapterFile.Read(request.Adapter);
        switch (request.Format)
        {
            case "upstream":
                AdapterFile.WriteUpstream(request.Target, contents, request.Gates);
                break;
            case "peft":
                PeftFolder.Write(request.Target, contents, request.Base, request.Length);
                break;
            default:
                AdapterFile.Write(request.Target, contents);
                break;
        }
        if (output.IsJson)
            output.JsonLine(new { path = Path.GetFullPath(request.Target), request.Format });
        else
            output.Line($"{request.Format} written to {request.Target}");
        return ExitCodes.Done;
    }
}
