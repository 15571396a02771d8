using System.CommandLine;
using System.CommandLine.Completions;
using System.Text;
using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Server.Specs;
using File = System.IO.File;

namespace Orchestrator.Cli.Commands;

/// <summary>What the command line of <c>submit</c> says.</summary>
/// <param name="SpecFile">the spec's file</param>
/// <param name="Overrides">what wins over it</param>
/// <param name="Upload">whether records that lie here are brought to the cluster</param>
/// <param name="Waits">whether to stay until the job is over</param>
sealed record SubmitArguments(string SpecFile, IReadOnlyList<SpecOverride> Overrides, bool Upload, bool Waits);

/// <summary>
/// <c>submit</c>: a job for a cluster. Records that lie on this machine are uploaded, and named by their digest from then on; what does not lie here is the servers' to find. Other paths are made whole
/// where they lead somewhere here, and stay as they are where they don't.
/// </summary>
sealed class SubmitCommand : ServerVerb<SubmitArguments>
{
    readonly Argument<string> spec = new("SPEC") { Description = "The job, in YAML or JSON; - reads standard input." };
    readonly Option<string[]> set = new("--set") { HelpName = "path=value", Description = "Override a key of the spec, again and again: --set training.epochs=3." };
    readonly Option<int?> workers = new("--workers", "-w") { HelpName = "N", Description = "How many compute. Never changes the result." };
    readonly Option<bool> noUpload = new("--no-upload") { Description = "The servers see data.path themselves: send its name, not its bytes." };
    readonly Option<bool> wait = new("--wait") { Description = "Stay until the job is over; 1 if it failed." };

    public SubmitCommand() : base("submit", "Give a job to a cluster. The same again changes nothing.")
    {
        Add(spec);
        foreach (var option in new Option[] { set, workers, noUpload, wait })
            Add(option);
        set.CompletionSources.Add(_ => SpecKeys.All.Select(key => new CompletionItem(key.Path + "=", detail: key.Says)));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } =
    [
        "orchestrator submit job.yaml",
        "orchestrator submit job.yaml --set name=alpaca-2 --set training.epochs=3 --wait",
        "orchestrator submit job.yaml --server http://10.0.0.5:8081,http://10.0.0.6:8081 --json",
        "orchestrator submit job.yaml --no-upload                      data.path lies where every server sees it",
    ];

    /// <inheritdoc/>
    protected override SubmitArguments ReadRequest(ParseResult parsed)
    {
        List<SpecOverride> overrides = [.. (parsed.GetValue(set) ?? []).Select(SpecOverride.Parse)];
        if (parsed.GetValue(workers) is { } count)
            overrides.Add(new SpecOverride("workers", $"{count}", "--workers"));
        return new(parsed.GetRequiredValue(spec), overrides, !parsed.GetValue(noUpload), parsed.GetValue(wait));
    }

    /// <inheritdoc/>
    protected override async Task<int> Run(SubmitArguments request, Connection cluster, Output output, CancellationToken stop)
    {
        var (text, source, folder) = SpecReader.TextOf(request.SpecFile);
        var job = ForOthers(SpecReader.Parse(text, source, folder: null, request.Overrides, MethodNames.Check), folder);
        foreach (var warning in SpecRules.Warnings(job))
            output.Warning(warning);
        if (request.Upload && File.Exists(job.Data.Path))
        {
            using var view = new ProgressView(output, TimeProvider.System);
            job = job with { Data = job.Data with { Path = RemoteSpec.Uploaded + await DataUpload.Send(cluster, job.Data.Path, view, stop) } };
        }
        var submit = new SubmitRequest { Namespace = cluster.Space, Spec = Encoding.UTF8.GetString(CanonicalJson.Of(job)) };
        var taken = await cluster.Ask((way, options) => new Jobs.JobsClient(way).SubmitAsync(submit, options), stop);
        if (request.Waits)
            return await Wait(taken, cluster, output, stop);
        if (output.IsJson)
            output.JsonLine(JobJson.Of(taken));
        else
            output.Line(JobText.Line(taken));
        return ExitCodes.Done;
    }

    static async Task<int> Wait(Job taken, Connection cluster, Output output, CancellationToken stop)
    {
        if (!output.IsJson)
            return JobText.ExitCode(await JobWatch.Follow(cluster, taken.Name, after: 0, output, stop));
        await foreach (var _ in JobWatch.Events(cluster, taken.Name, after: 0, why => output.Warning($"{why}; trying again"), stop))
        {
        }
        var ended = await cluster.Ask((way, options) => new Jobs.JobsClient(way).GetAsync(cluster.Job(taken.Name), options), stop);
        output.JsonLine(JobJson.Of(ended));
        return JobText.ExitCode(ended.Phase);
    }

    /// <summary>The spec as another machine understands it: paths that lead somewhere here are made whole.</summary>
    /// <param name="spec">as it was written</param>
    /// <param name="folder">where it lies</param>
    internal static JobSpec ForOthers(JobSpec spec, string folder)
    {
        return spec with
        {
            Model = spec.Model with { Path = Whole(spec.Model.Path), Tokenizer = spec.Model.Tokenizer is { } tokenizer ? Whole(tokenizer) : null },
            Adapter = spec.Adapter with { Init = spec.Adapter.Init is { } init ? Whole(init) : null },
            Data = spec.Data with { Path = Whole(spec.Data.Path) },
        };

        string Whole(string path)
        {
            if (path == "~" || path.StartsWith("~/", StringComparison.Ordinal))
                return Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + path[1..];
            return new[] { Path.GetFullPath(path, folder), Path.GetFullPath(path) }.FirstOrDefault(Path.Exists) ?? path;
        }
    }
}
