using System.CommandLine;
using System.Globalization;
using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Commands;

/// <summary>What the command line of <c>logs</c> says.</summary>
/// <param name="Job">whose</param>
/// <param name="Follows">whether to stay until the job is over</param>
/// <param name="After">the last line that was seen</param>
sealed record LogsArguments(string Job, bool Follows, long After);

/// <summary><c>logs</c>: a job's log.</summary>
sealed class LogsCommand : ServerVerb<LogsArguments>
{
    readonly Argument<string> job = JobNames.Argument();
    readonly Option<bool> follow = new("--follow", "-f") { Description = "Stay until the job is over." };
    readonly Option<long?> after = new("--after") { HelpName = "NUMBER", Description = "Go on after this line; from the first by default." };

    public LogsCommand() : base("logs", "Show a job's log.")
    {
        after.Validators.Add(OptionRange.Of(after, 0, long.MaxValue));
        Add(job);
        Add(follow);
        Add(after);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator logs alpaca", "orchestrator logs alpaca -f"];

    /// <inheritdoc/>
    protected override LogsArguments ReadRequest(ParseResult parsed) => new(parsed.GetRequiredValue(job), parsed.GetValue(follow), parsed.GetValue(after) ?? 0);

    /// <inheritdoc/>
    protected override async Task<int> Run(LogsArguments request, Connection cluster, Output output, CancellationToken stop)
    {
        var lines = cluster.Follow(
            (way, place, options) => new Jobs.JobsClient(way).Logs(new LogsRequest { Namespace = cluster.Space, Name = request.Job, Follow = request.Follows, After = place }, options),
            request.After, (line, _) => line.Number, why => output.Warning($"{why}; trying again"), stop);
        await foreach (var line in lines)
        {
            if (output.IsJson)
                output.JsonLine(new { line.Number, At = line.At.ToDateTimeOffset(), line.Text });
            else
                output.Line($"{line.At.ToDateTimeOffset().ToLocalTime().ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture)} {line.Text}");
        }
        return ExitCodes.Done;
    }
}
