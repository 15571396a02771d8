using System.Text.RegularExpressions;
using Orchestrator.Api.V1;
using Orchestrator.Harness;

namespace Orchestrator.Cluster.Tests;

/// <summary>Workers that are slow, or compute wrong: made so by what their server's process was started with.</summary>
[Collection(OneCluster.Name)]
public sealed partial class WorkerTests(SharedCluster shared)
{
    const int StepsUntilDealtAnew = 5;

    [Fact]
    public async Task A_slow_worker_gets_fewer_micro_batches_within_five_steps()
    {
        await using var servers = await Faulty("ORCHESTRATOR_DRILL_DELAY", "0:60");
        var job = await servers.Submit(shared.Job.Spec, "slow", workers: 3);
        await shared.Job.HoldsFor(job);
        var events = await job.Events();
        var reason = events.First(told => Reason(told).Contains("b/0 needs", StringComparison.Ordinal) && Reason(told).Contains("dealt anew", StringComparison.Ordinal));
        Assert.InRange(events.Where(told => told.Number < reason.Number).Count(told => told.Stepped is not null), 1, StepsUntilDealtAnew);
        var (before, after) = (events.Last(told => told.Number < reason.Number && Deal().IsMatch(Reason(told))), events.First(told => told.Number > reason.Number && Deal().IsMatch(Reason(told))));
        Assert.True(ShareOf("b/0", Reason(after)) < ShareOf("b/0", Reason(before)), $"{Reason(before)}, and then {Reason(after)}");
    }

    [Fact]
    public async Task A_worker_that_computes_wrong_is_named_and_the_job_ends_as_without_it()
    {
        await using var servers = await Faulty("ORCHESTRATOR_DRILL_MISCOMPUTE", "0:50");
        var job = await servers.Submit(shared.Job.Spec + Environment.NewLine + "audit: { share: 1 }", "wrong", workers: 3);
        await shared.Job.HoldsFor(job);
        Assert.Contains(await job.Events(), told => Reason(told).Contains("b/0 computed micro-batch", StringComparison.Ordinal) && Reason(told).Contains("goes back", StringComparison.Ordinal));
    }

    // Three servers with a worker each; that of b is not as it should be.
    static Task<Harness.Cluster> Faulty(string variable, string value) => Harness.Cluster.Of(servers: 3, workers: 1, new ClusterSetup
    {
        Environment = number => number == 2 ? new Dictionary<string, string> { [variable] = value } : new Dictionary<string, string>(),
    });

    static string Reason(Event told) => told.Changed?.Reason ?? "";

    // a/0 {0-2} b/0 {3-5} c/0 {6-7}
    static int ShareOf(string worker, string deal)
    {
        var range = Deal().Matches(deal).Single(match => match.Groups["worker"].Value == worker);
        return range.Groups["lo"].Value.Length == 0 ? 0 : range.Groups["hi"].Value.Length == 0 ? 1 : int.Parse(range.Groups["hi"].Value, null) - int.Parse(range.Groups["lo"].Value, null) + 1;
    }

    [GeneratedRegex(@"(?<worker>[a-z]/[0-9]+) \{(?<lo>[0-9]*)(-(?<hi>[0-9]+))?\}")]
    private static partial Regex Deal();
}
