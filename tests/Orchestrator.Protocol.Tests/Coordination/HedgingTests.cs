using CsCheck;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Protocol.Tests.Coordination;

public class HedgingTests
{
    static readonly WorkerId a = new("a", 0), b = new("b", 0), c = new("c", 0);
    static readonly Deal deal = new(8, [new WorkerShare(a, [new LeafRange(0, 3)]), new WorkerShare(b, [new LeafRange(3, 6)]), new WorkerShare(c, [new LeafRange(6, 8)])]);

    [Fact]
    public void The_last_micro_batch_of_whoever_has_most_left_comes_first()
    {
        Assert.Equal(5, Hedging.Next(deal, a, m => m < 3));
        Assert.Equal(7, Hedging.Next(deal, a, m => m < 6));
        Assert.Null(Hedging.Next(deal, a, m => true));
    }

    [Fact]
    public void Workers_that_wait_together_begin_at_different_ones()
        => Assert.Equal([5, 3], new[] { a, c }.Select(worker => Hedging.Next(deal, worker, m => m is not (3 or 4 or 5))!.Value));

    [Fact]
    public void Whatever_is_computed_in_anothers_place_is_missing_and_not_ones_own()
        => Gen.Select(Gen.Int[0, 255], Gen.Int[0, 2]).Sample((there, k) =>
        {
            var me = deal.Shares[k].Worker;
            var missing = Hedging.Next(deal, me, m => (there >> m & 1) == 1);
            if (missing is { } m)
                Assert.True((there >> m & 1) == 0 && !deal.Shares[k].MicroBatches.Contains(m));
            else
                Assert.All(deal.Shares.Where(share => share.Worker != me).SelectMany(share => share.MicroBatches), other => Assert.Equal(1, there >> other & 1));
        });

    [Fact]
    public void What_was_computed_in_anothers_place_is_dealt_to_whoever_has_it_unless_the_other_has_it_too()
    {
        var team = new[] { a, b, c }.Select(worker => new WorkerSpeed(worker, 1)).ToList();
        var held = new Dictionary<WorkerId, IReadOnlyList<LeafRange>> { [a] = [new LeafRange(0, 3)], [c] = [new LeafRange(6, 8)], [b] = [new LeafRange(3, 4)] };
        var hedged = new Dictionary<WorkerId, IReadOnlyList<LeafRange>> { [a] = [new LeafRange(3, 6)], [c] = [new LeafRange(4, 6)] };
        var missing = Dealer.Missing(8, team, held, hedged);
        Assert.Equal([0, 1, 2, 4, 5], missing.Of(a).MicroBatches);
        Assert.Equal([3], missing.Of(b).MicroBatches);
        Assert.Equal([6, 7], missing.Of(c).MicroBatches);
    }

    [Fact]
    public void Nobody_complains_of_a_worker_that_is_three_times_slower()
        => Gen.Select(Gen.Double[0.01, 5], Gen.Int[1, 40]).Sample((usual, share) => Hedging.Patience(usual, usual * share) >= 2 * usual * share);
}
