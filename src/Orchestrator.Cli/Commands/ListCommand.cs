using System.CommandLine;
using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Commands;

/// <summary>What the command line of <c>list</c> says.</summary>
/// <param name="States">those to be listed; none lists all</param>
/// <param name="AllNamespaces">whether jobs of every namespace are</param>
sealed record ListArguments(IReadOnlyList<Phase> States, bool AllNamespaces);

/// <summary><c>list</c>: the jobs of a cluster, in the order they came.</summary>
sealed class ListCommand : ServerVerb<ListArguments>
{
    static readonly Dictionary<string, Phase> states = Enum.GetValues<Phase>().Where(phase => phase != Phase.Unspecified).ToDictionary(JobText.State);

    readonly Option<string[]> state = new("--state") { HelpName = "STATE", Description = $"Only jobs of this state, again and again: {string.Join(", ", states.Keys)}." };
    readonly Option<bool> all = new("--all-namespaces", "-A") { Description = "Jobs of every namespace." };

    public ListCommand() : base("list", "List the jobs of a cluster.")
    {
        state.AcceptOnlyFromAmong([.. states.Keys]);
        Add(state);
        Add(all);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator list", "orchestrator list --state running --json | jq .name"];

    /// <inheritdoc/>
    protected override ListArguments ReadRequest(ParseResult parsed) => new([.. (parsed.GetValue(state) ?? []).Select(word => states[word])], parsed.GetValue(all));

    /// <inheritdoc/>
    protected override async Task<int> Run(ListArguments request, Connection cluster, Output output, CancellationToken stop)
    {
        var asked = new ListRequest { Namespace = cluster.Space, AllNamespaces = request.AllNamespaces, Phases = { request.States } };
        var jobs = (await cluster.Ask((way, options) => new Jobs.JobsClient(way).ListAsync(asked, options), stop)).Jobs;
        if (output.IsJson)
        {
            foreach (var job in jobs)
                output.JsonLine(JobJson.Of(job));
        }
        else if (jobs.Count == 0)
            output.Line("no jobs");
        else
            output.Table(JobText.Columns, jobs.Select(job => JobText.Row(job, request.AllNamespaces, TimeProvider.System.GetUtcNow())));
        return ExitCodes.Done;
    }
}
