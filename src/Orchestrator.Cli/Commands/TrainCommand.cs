using System.CommandLine;
using System.CommandLine.Completions;
using System.Text.Json;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Server.Specs;

namespace Orchestrator.Cli.Commands;

/// <summary>What the command line of <c>train</c> says.</summary>
/// <param name="SpecFile">the spec's file; null without one</param>
/// <param name="Overrides">what wins over it</param>
/// <param name="Workers">how many compute, if it was said</param>
/// <param name="Folder">the run's folder, if it was said</param>
/// <param name="Resume">whether to go on with the run in the folder</param>
sealed record TrainArguments(string? SpecFile, IReadOnlyList<SpecOverride> Overrides, int? Workers, string? Folder, bool Resume);

/// <summary><c>train</c>: a job on this machine, or without anything said, the demonstration.</summary>
sealed class TrainCommand : Verb<TrainArguments>
{
    readonly Argument<string?> spec = new("SPEC") { Arity = ArgumentArity.ZeroOrOne, Description = "The job, in YAML or JSON; - reads standard input. Without it and without --model: the demonstration." };
    readonly Option<string?> model = new("--model") { HelpName = "DIR", Description = "The base: what model.path says." };
    readonly Option<string?> data = new("--data") { HelpName = "FILE", Description = "The records: what data.path says." };
    readonly Option<int?> workers = new("--workers", "-w") { HelpName = "N", Description = "How many compute. Never changes the result." };
    readonly Option<string?> output = new("--output", "-o") { HelpName = "DIR", Description = "The run's folder; runs/NAME by default." };
    readonly Option<bool> resume = new("--resume") { Description = "Go on from the folder's last checkpoint, with any number of workers. SPEC may be left out." };
    readonly Option<string[]> set = new("--set") { HelpName = "path=value", Description = "Override a key of the spec, again and again: --set training.epochs=3." };

    public TrainCommand() : base("train", "Train an adapter on this machine.")
    {
        foreach (var option in new Option[] { model, data, workers, output, resume, set, Json })
            Add(option);
        Add(spec);
        set.CompletionSources.Add(_ => SpecKeys.All.Select(key => new CompletionItem(key.Path + "=", detail: key.Says)));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } =
    [
        "orchestrator train                                            the demonstration: two minutes, nothing needed",
        "orchestrator train job.yaml --workers 2",
        "orchestrator train job.yaml --set training.epochs=3 --set adapter.gate=shared",
        "orchestrator train --model /models/llama-7b --data alpaca_data.json --output runs/alpaca",
        "orchestrator train --resume --output runs/alpaca --workers 5",
    ];

    /// <inheritdoc/>
    public override TrainArguments Read(ParseResult parsed)
    {
        List<SpecOverride> overrides = [];
        if (parsed.GetValue(model) is { } folder)
            overrides.Add(SpecOverride.OfText("model.path", folder, "--model"));
        if (parsed.GetValue(data) is { } file)
            overrides.Add(SpecOverride.OfText("data.path", file, "--data"));
        overrides.AddRange((parsed.GetValue(set) ?? []).Select(SpecOverride.Parse));
        if (parsed.GetValue(workers) is { } count)
            overrides.Add(new SpecOverride("workers", $"{count}", "--workers"));
        return new TrainArguments(parsed.GetValue(spec), overrides, parsed.GetValue(workers), parsed.GetValue(output), parsed.GetValue(resume));
    }

    /// <inheritdoc/>
    protected override int Run(TrainArguments request, Output output, CancellationToken stop)
    {
        var saysNoJob = request.SpecFile is null && !request.Resume && request.Overrides.All(key => key.Place == "--workers");
        if (saysNoJob)
            return LocalTraining.Demonstrate(new DemoRequest(request.Workers, request.Folder, Chaos: false), output, stop);
        var job = Prepare(request);
        foreach (var warning in SpecRules.Warnings(job.Spec))
            output.Warning(warning);
        TrainResult result;
        using (var view = new ProgressView(output, TimeProvider.System))
            result = LocalTraining.Run(job, view, stop);
        Tell(result, output);
        return result.Interrupted ? ExitCodes.Interrupted : ExitCodes.Done;
    }

    /// <summary>The job that the command line asks for, whole and free of problems.</summary>
    /// <exception cref="ProblemException">with everything that is wrong</exception>
    public static TrainRequest Prepare(TrainArguments request)
    {
        var spec = request switch
        {
            { SpecFile: { } file } => SpecReader.Read(file, request.Overrides, SpecFiles.Missing, MethodNames.Check),
            { Resume: true } => SpecReader.Parse(SpecOfRun(request.Folder), "run.json", Directory.GetCurrentDirectory(), request.Overrides, SpecFiles.Missing, MethodNames.Check),
            _ => SpecReader.Parse("", NameFor(request.Overrides), Directory.GetCurrentDirectory(), request.Overrides, SpecFiles.Missing, MethodNames.Check),
        };
        var folder = Path.GetFullPath(request.Folder ?? Path.Combine("runs", spec.Name));
        if (!request.Resume && Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any())
            throw new ProblemException("--output", $"{folder} with files in it", "a folder that is empty or not there", "go on with the run there by --resume, or choose another by --output");
        if (request.Resume && !Directory.Exists(folder))
            throw new ProblemException("--resume", $"nothing at {folder}", "the folder of a run", "say which by --output");
        return new TrainRequest(spec, folder, request.Resume);
    }

    // run.json's member "spec" is the spec's canonical JSON.
    static string SpecOfRun(string? folder)
    {
        if (folder is null)
            throw new ProblemException("--resume", "neither SPEC nor --output", "the job or its run's folder", "say --output DIR");
        var file = Path.Combine(folder, "run.json");
        try
        {
            using var run = JsonDocument.Parse(File.ReadAllBytes(file));
            return run.RootElement.GetProperty("spec").GetRawText();
        }
        catch (Exception e) when (e is IOException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new ProblemException(file, File.Exists(file) ? "no spec" : "nothing", "the run.json of a run", "name the spec: orchestrator train SPEC --resume --output DIR");
        }
    }

    static string NameFor(IReadOnlyList<SpecOverride> overrides)
        => Path.GetFileName(Path.TrimEndingDirectorySeparator(overrides.FirstOrDefault(key => key.Place == "--model")?.Value.Trim('"') ?? "job"));

    static void Tell(TrainResult result, Output output)
    {
        if (output.IsJson)
        {
            output.JsonLine(result);
            return;
        }
        if (result.Interrupted)
        {
            output.Line($"Interrupted after step {result.Step} of {result.Steps}; nothing committed is lost. Go on with:");
            output.Line($"  orchestrator train --resume --output {result.Folder}");
            return;
        }
        output.Facts("",
        [
            ("adapter", result.Adapter ?? ""),
            ("sha-256", result.AdapterSha256 ?? ""),
            ("steps", FormattableString.Invariant($"{result.Step} in {result.Seconds:0.0} s, {result.TokensPerSecond:N0} tokens/s")),
            .. result.Loss is { } loss ? [("loss", FormattableString.Invariant($"{loss:0.0000}"))] : Array.Empty<(string, string)>(),
            .. result is { ValidationBefore: { } before, ValidationAfter: { } after } ? [("held out", FormattableString.Invariant($"{before:0.0000} before, {after:0.0000} after"))] : Array.Empty<(string, string)>(),
            ("report", Path.Combine(result.Folder, "report.html")),
        ]);
    }
}
