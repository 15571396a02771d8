using CsCheck;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Operator.Pods;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Operator.Tests;

public class PodScalingTests
{
    static readonly DateTimeOffset now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    static readonly PodRange range = new("gpu-workers", PerPod: 2, Min: 0, Max: 5, TimeSpan.FromMinutes(5));

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(4, 2)]
    [InlineData(5, 3)]
    [InlineData(99, 5)]
    public void There_are_as_many_pods_as_jobs_ask_for_within_bounds_and_at_once(int workers, int pods)
        => Assert.Equal((pods, pods > 0 ? pods : (int?)null), Decide([Job(workers)], [], pods: 0) is var decision ? (decision.Need, decision.Pods) : default);

    [Fact]
    public void Workers_that_are_no_pods_of_the_set_count_as_well()
        => Assert.Equal(1, Decide([Job(5)], [Server("elsewhere", 3)], pods: 0).Need);

    [Fact]
    public void A_job_that_rests_or_is_over_asks_for_none()
        => Assert.Equal(0, Decide([Job(4) with { Wish = JobWish.Pause }, Job(4) with { Stage = JobStage.Completed }], [], pods: 0).Need);

    [Fact]
    public void Pods_go_after_a_while_drained_first_and_only_once_no_job_holds_them()
    {
        IReadOnlyList<SiloEntry> servers = [Server("gpu-workers-0", 2), Server("gpu-workers-1", 2, "tiny"), Server("gpu-workers-2", 2)];
        var first = Decide([Job(1)], servers, pods: 3);
        Assert.Equal((null, now), (first.Pods, first.Since));
        Assert.Empty(first.Drain);

        var later = Decide([Job(1)], servers, pods: 3, since: now - range.Idle);
        Assert.Equal([1, 2], later.Drain);
        Assert.Null(later.Pods);

        var busy = Decide([Job(1)], servers, pods: 3, since: now - range.Idle, draining: [1, 2]);
        Assert.Equal((null, "gpu-workers-1 still in jobs"), (busy.Pods, busy.Reason));

        servers = [Server("gpu-workers-0", 2, "tiny"), Server("gpu-workers-1", 2), Server("gpu-workers-2", 2)];
        Assert.Equal(1, Decide([Job(1)], servers, pods: 3, since: now - range.Idle, draining: [1, 2]).Pods);
    }

    [Fact]
    public void Pods_that_were_to_go_are_used_again_when_more_is_asked_for()
    {
        var decision = Decide([Job(6)], [Server("gpu-workers-0", 2), Server("gpu-workers-1", 2)], pods: 2, draining: [1]);
        Assert.Equal([1], decision.Use);
        Assert.Equal(3, decision.Pods);
    }

    [Fact]
    public void A_pod_that_is_gone_is_no_longer_one_that_is_to_go()
        => Assert.Equal([1], Decide([Job(1)], [Server("gpu-workers-0", 2)], pods: 1, draining: [1]).Use);

    [Fact]
    public void There_are_never_fewer_than_the_fewest_nor_more_than_the_most()
        => Gen.Select(Gen.Int[0, 40].Array[0, 6], Gen.Int[0, 9], Gen.Int[0, 3], Gen.Int[0, 6], Gen.Int[1, 4]).Sample((workers, pods, min, more, perPod) =>
        {
            var bounds = new PodRange("gpu-workers", perPod, min, min + more, TimeSpan.Zero);
            var decision = PodScaling.Decide(bounds, [.. workers.Where(count => count > 0).Select(Job)], [], pods, Enumerable.Range(0, pods).ToHashSet(), now, now);
            Assert.InRange(decision.Need, min, min + more);
            Assert.Equal(decision.Need, decision.Pods ?? pods);
        });

    static PodDecision Decide(IReadOnlyList<JobEntry> jobs, IReadOnlyList<SiloEntry> servers, int pods, DateTimeOffset? since = null, int[]? draining = null)
        => PodScaling.Decide(range, jobs, servers, pods, (draining ?? []).ToHashSet(), since, now);

    static JobEntry Job(int workers) => new("default", new JobSpec { Name = "tiny" }, "d", workers, null, "", 0, [], now, null, null);

    static SiloEntry Server(string name, int workers, string? job = null)
        => new(new SiloAnnouncement(name, 1, new Uri("http://there"), workers, "cpu", Leaving: false), false, false, now, [.. Enumerable.Range(0, workers).Select(slot => slot == 0 ? job : null)]);
}
