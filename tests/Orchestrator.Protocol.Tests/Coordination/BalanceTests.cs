using CsCheck;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Protocol.Tests.Coordination;

public class BalanceTests
{
    static readonly Gen<double[]> noise = Gen.Double[0.91, 1.09].Array[2, 12];

    static WorkerId Worker(int k) => new($"w{k:00}", 0);

    static Deal Equal(int microBatches, int workers) => Dealer.Contiguous(microBatches, [.. Enumerable.Range(0, workers).Select(k => new WorkerSpeed(Worker(k), 1))]);

    static Dictionary<WorkerId, double> Paces(IEnumerable<double> seconds) => seconds.Select((pace, k) => (Worker(k), pace)).ToDictionary();

    [Fact]
    public void Noise_of_a_tenth_never_makes_equal_workers_stand()
        => Gen.Select(Gen.Int[1, 80], noise, Gen.Double[0.001, 10]).Sample((microBatches, team, usual)
            => !Balance.IsLost(Equal(microBatches, team.Length), Paces(team.Select(pace => pace * usual))));

    [Fact]
    public void Nothing_is_decided_before_everybody_has_told_its_pace()
        => Assert.False(Balance.IsLost(Equal(8, 3), Paces([1, 100])));

    [Fact]
    public void A_worker_at_half_speed_gets_fewer_micro_batches()
        => Gen.Select(Gen.Int[2, 8], Gen.Int[4, 10]).Sample((workers, each) =>
        {
            var deal = Equal(workers * each, workers);
            var paces = Paces(Enumerable.Range(0, workers).Select(k => k == 0 ? 0.2 : 0.1));
            if (Balance.IsLost(deal, paces))
                Assert.True(Dealer.Contiguous(deal.MicroBatches, Balance.Speeds(deal.Shares.Select(share => share.Worker), paces)).Of(Worker(0)).Count < each);
            else
                Assert.Fail($"{each} micro-batches each of {workers} workers, one of them at half speed, fit well enough");
        });

    [Fact]
    public void A_deal_by_the_speeds_in_which_all_compute_is_not_dealt_again()
        => Gen.Select(Gen.Int[1, 80], Gen.Double[0.05, 2].Array[2, 10]).Sample((microBatches, seconds) =>
        {
            var paces = Paces(seconds);
            var deal = Dealer.Contiguous(microBatches, Balance.Speeds(paces.Keys.Order(), paces));
            return deal.Shares.Any(share => share.Count == 0) || !Balance.IsLost(deal, paces);
        });

    [Fact]
    public void Who_was_so_slow_that_it_got_nothing_gets_another_chance()
    {
        var paces = Paces([5, 0.1, 0.1]);
        var deal = Dealer.Contiguous(6, Balance.Speeds(paces.Keys.Order(), paces));
        Assert.Equal(0, deal.Of(Worker(0)).Count);
        Assert.True(Balance.IsLost(deal, paces));
        Assert.Equal(2, Dealer.Contiguous(6, Balance.Speeds(paces.Keys.Order(), Balance.Fresh(deal, paces))).Of(Worker(0)).Count);
    }

    [Fact]
    public void Each_deal_of_the_same_workers_waits_twice_as_long_as_the_one_before()
        => Assert.Equal([4, 4, 8, 16, 32, 64, 128, 256, 256], Enumerable.Range(0, 9).Select(Balance.StepsAfter));

    [Fact]
    public void What_saves_less_than_a_standstill_costs_is_left_as_it_is()
        => Assert.False(Balance.IsLost(Equal(8, 2), Paces([0.0001, 0.001])));
}

public class PaceTests
{
    [Fact]
    public void The_first_micro_batch_is_not_measured_and_the_pace_does_not_depend_on_their_lengths()
    {
        var pace = new Pace();
        pace.Measure(seconds: 100, tokens: 10);
        Assert.False(pace.IsKnown);
        Assert.Equal(double.PositiveInfinity, pace.HangsAfter(10));
        foreach (var tokens in new[] { 100L, 300, 50, 700 })
            pace.Measure(tokens * 0.001, tokens);
        Assert.Equal(0.2, pace.SecondsFor(200), 9);
        Assert.Equal(Pace.HangSecondsMin, pace.HangsAfter(100));
        Assert.Equal(10 * 0.5, pace.HangsAfter(500), 9);
    }

    [Fact]
    public void It_is_told_once_and_again_when_it_has_changed_by_a_tenth()
    {
        var pace = new Pace();
        pace.Measure(1, 10);
        pace.Measure(1, 10);
        Assert.Equal(1.0, pace.Tell(10));
        pace.Measure(1.05, 10);
        Assert.Null(pace.Tell(10));
        pace.Measure(2, 10);
        Assert.InRange(pace.Tell(10) ?? 0, 1.2, 1.4);
        Assert.Null(pace.Tell(10));
    }
}
