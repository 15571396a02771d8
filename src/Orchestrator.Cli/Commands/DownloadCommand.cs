using System.CommandLine;
using Orchestrator.Cli.Cluster;
using Orchestrator.Engine;

namespace Orchestrator.Cli.Commands;

/// <summary>What the command line of <c>download</c> says.</summary>
/// <param name="Job">whose files</param>
/// <param name="Folder">where to</param>
sealed record DownloadArguments(string Job, string Folder);

/// <summary><c>download</c>: a job's run folder, as <c>train</c> would have left it, each file verified by its digest.</summary>
sealed class DownloadCommand : ServerVerb<DownloadArguments>
{
    readonly Argument<string> job = JobNames.Argument();
    readonly Option<string?> output = new("--output", "-o") { HelpName = "DIR", Description = "Where to; runs/NAME by default. What is there already is not fetched again." };

    public DownloadCommand() : base("download", "Fetch a job's run folder: adapter, checkpoints, ledger, report.")
    {
        Add(job);
        Add(output);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator download alpaca --output runs/alpaca"];

    /// <inheritdoc/>
    protected override DownloadArguments ReadRequest(ParseResult parsed)
        => new(parsed.GetRequiredValue(job), parsed.GetValue(output) ?? Path.Combine("runs", parsed.GetRequiredValue(job)));

    /// <inheritdoc/>
    protected override async Task<int> Run(DownloadArguments request, Connection cluster, Output output, CancellationToken stop)
    {
        var folder = Path.GetFullPath(request.Folder);
        IReadOnlyList<Api.V1.File> files;
        using (var view = new ProgressView(output, TimeProvider.System))
            files = await RunDownload.Fetch(cluster, request.Job, folder, view, stop);
        var run = new RunFolder(folder);
        var hasReport = File.Exists(run.Summary) && File.Exists(run.Metrics);
        if (hasReport)
            RunReportFile.Write(run, RunSummary.Read(run));      // a page is for who looks at it: the cluster keeps what it is made from
        var adapter = files.FirstOrDefault(file => file.Path == "adapter.safetensors");
        if (output.IsJson)
            output.JsonLine(new { Folder = folder, AdapterSha256 = adapter?.Sha256, Files = files.Select(file => new { file.Path, file.Length, file.Sha256 }) });
        else
        {
            output.Facts("", [("folder", folder), ("files", $"{files.Count}, {ProgressText.Bytes(files.Sum(file => file.Length))}, each with the digest that the cluster said"),
                ("sha-256", adapter?.Sha256 ?? "no adapter yet"), ("report", hasReport ? run.Report : "not before the job has begun")]);
        }
        return ExitCodes.Done;
    }
}
