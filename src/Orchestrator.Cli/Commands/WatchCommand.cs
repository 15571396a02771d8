using System.CommandLine;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Commands;

/// <summary>What the command line of <c>watch</c> says.</summary>
/// <param name="Job">whom</param>
/// <param name="After">the last event that was seen</param>
sealed record WatchArguments(string Job, long After);

/// <summary><c>watch</c>: a job to its end, from any event on. A server that dies on the way is replaced by the next, or waited for.</summary>
sealed class WatchCommand : ServerVerb<WatchArguments>
{
    readonly Argument<string> job = JobNames.Argument();
    readonly Option<long?> after = new("--after") { HelpName = "NUMBER", Description = "Go on after this event; from the first by default." };

    public WatchCommand() : base("watch", "Watch a job until it is over; ends with 1 if it failed.")
    {
        after.Validators.Add(OptionRange.Of(after, 0, long.MaxValue));
        Add(job);
        Add(after);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator watch alpaca", "orchestrator watch alpaca --after 120 --json"];

    /// <inheritdoc/>
    protected override WatchArguments ReadRequest(ParseResult parsed) => new(parsed.GetRequiredValue(job), parsed.GetValue(after) ?? 0);

    /// <inheritdoc/>
    protected override async Task<int> Run(WatchArguments request, Connection cluster, Output output, CancellationToken stop)
        => JobText.ExitCode(await JobWatch.Follow(cluster, request.Job, request.After, output, stop));
}
