using CsCheck;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Protocol.Tests.Coordination;

public class DealerTests
{
    static readonly Gen<IReadOnlyList<WorkerSpeed>> teams = Gen.Double[0.1, 10].Array[1, 12]
        .Select(speeds => (IReadOnlyList<WorkerSpeed>)[.. speeds.Select((speed, k) => new WorkerSpeed(new WorkerId($"w{k:00}", 0), speed))]);

    [Fact]
    public void A_deal_gives_every_worker_one_range_and_every_micro_batch_to_one_worker()
        => Gen.Select(Gen.Int[1, 80], teams).Sample((microBatches, team) =>
        {
            var deal = Dealer.Contiguous(microBatches, team);
            Assert.Equal(team.Select(worker => worker.Worker), deal.Shares.Select(share => share.Worker));
            Assert.All(deal.Shares, share => Assert.InRange(share.Leaves.Count, 0, 1));
            Assert.Equal(Enumerable.Range(0, microBatches), deal.Shares.SelectMany(share => share.MicroBatches));
        });

    [Fact]
    public void Nobody_could_finish_earlier()
        => Gen.Select(Gen.Int[1, 80], teams).Sample((microBatches, team) =>
        {
            var deal = Dealer.Contiguous(microBatches, team);
            var slowest = deal.Shares.Zip(team, (share, worker) => share.Count / worker.Speed).Max();
            var earlier = slowest * (1 - 1e-9);
            Assert.True(team.Sum(worker => (long)Math.Floor(earlier * worker.Speed * (1 + 1e-12))) < microBatches);
        });

    // For these eight no deal that finishes as early has fewer: found by trying all.
    [Fact]
    public void Equal_workers_send_at_most_four_vectors_each_and_five_in_eight_cases_of_a_thousand()
    {
        var five = new List<(int, int)>();
        for (var microBatches = 1; microBatches <= 64; microBatches++)
        {
            for (var workers = 1; workers <= 16; workers++)
            {
                var deal = Dealer.Contiguous(microBatches, Team(workers));
                var most = deal.Shares.SelectMany(share => share.Leaves).Max(range => TreeNode.CoverCount(microBatches, range.Lo, range.Hi));
                if (most == 5)
                    five.Add((microBatches, workers));
                else
                    Assert.InRange(most, 1, 4);
            }
        }
        Assert.Equal([(34, 2), (50, 3), (51, 3), (52, 4), (56, 3), (57, 3), (62, 2), (63, 3)], five);
    }

    [Theory]
    [InlineData(8, 4)]
    [InlineData(32, 8)]
    [InlineData(64, 16)]
    public void Aligned_ranges_are_one_vector_each(int microBatches, int workers)
        => Assert.All(Dealer.Contiguous(microBatches, Team(workers)).Shares,
            share => Assert.Equal(1, TreeNode.CoverCount(microBatches, share.Leaves[0].Lo, share.Leaves[0].Hi)));

    [Fact]
    public void More_workers_than_micro_batches_leave_some_idle()
        => Assert.Equal(3, Dealer.Contiguous(3, Team(5)).Shares.Count(share => share.Count == 1));

    [Fact]
    public void What_is_held_stays_and_what_is_missing_is_dealt_once()
    {
        var cases = from microBatches in Gen.Int[1, 80]
                    from team in teams
                    from holder in Gen.Int[-2, team.Count - 1].Array[microBatches]      // below 0: nobody
                    select (microBatches, team, holder);
        cases.Sample((microBatches, team, holder) =>
        {
            var held = team.Select((worker, k) => (worker.Worker, Leaves: LeafRange.Of(Enumerable.Range(0, microBatches).Where(m => holder[m] == k))))
                .ToDictionary(pair => pair.Worker, pair => pair.Leaves);
            var deal = Dealer.Missing(microBatches, team, held);
            Assert.Equal(team.Select(worker => worker.Worker), deal.Shares.Select(share => share.Worker));
            Assert.Equal(Enumerable.Range(0, microBatches), deal.Shares.SelectMany(share => share.MicroBatches).Order());
            for (var m = 0; m < microBatches; m++)
            {
                if (holder[m] >= 0)
                    Assert.Contains(m, deal.Shares[holder[m]].MicroBatches);
            }
        });
    }

    [Fact]
    public void Of_two_that_hold_a_micro_batch_one_contributes_it()
    {
        var team = Team(2);
        var both = team.ToDictionary(worker => worker.Worker, _ => (IReadOnlyList<LeafRange>)[new LeafRange(1, 3)]);
        var deal = Dealer.Missing(4, team, both);
        Assert.Equal([1, 2], deal.Shares[0].MicroBatches.Intersect([1, 2]));
        Assert.Equal([0, 1, 2, 3], deal.Shares.SelectMany(share => share.MicroBatches).Order());
    }

    [Fact]
    public void What_is_missing_is_shared_by_all_since_what_is_held_costs_nothing_more()
    {
        var team = Team(3);
        var held = new Dictionary<WorkerId, IReadOnlyList<LeafRange>> { [team[0].Worker] = [new LeafRange(0, 6)] };
        Assert.Equal([8, 2, 2], Dealer.Missing(12, team, held).Shares.Select(share => share.Count));
    }

    static IReadOnlyList<WorkerSpeed> Team(int workers) => [.. Enumerable.Range(0, workers).Select(k => new WorkerSpeed(new WorkerId($"w{k:00}", 0), 1))];
}
