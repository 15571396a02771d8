using CsCheck;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Collectives.Tests;

public class ReductionTests
{
    static readonly Gen<(int Processes, int MicroBatches, int Parameters, int Seed)> Cases =
        Gen.Select(Gen.Int[1, 8], Gen.Int[1, 24], Gen.OneOf(Gen.Int[0, 40], Gen.Int[41, 3000], Gen.Const(70_000)), Gen.Int[0, 1 << 30]);

    [Fact]
    public void Any_deal_over_any_number_of_processes_gives_the_bits_of_one_process() => Cases.Sample(c =>
    {
        var exchange = new InMemoryExchange();
        ReduceTwoSteps(c, self => exchange.Join(Membership(c, self, i => new Uri($"http://p{i}"))));
    }, iter: 40);

    [Fact]
    public async Task Any_deal_gives_the_bits_of_one_process_over_grpc_too()
    {
        await using var cluster = await Cluster.Of(8);
        var generation = 0;
        Cases.Sample(c =>
        {
            var g = Interlocked.Increment(ref generation);
            ReduceTwoSteps(c, self => cluster.Hosts[self].Exchange.Join(Membership(c, self, i => cluster.Hosts[i].Address) with { Generation = new Generation(g), Job = "j" + g }));
        }, iter: 25, threads: 1);
    }

    static Membership Membership((int Processes, int MicroBatches, int Parameters, int Seed) c, int self, Func<int, Uri> address)
        => new("alpaca", new Generation(1), [.. Enumerable.Range(0, c.Processes).Select(i => new Peer($"p{i}", address(i)))], self, c.MicroBatches, c.Parameters);

    static void ReduceTwoSteps((int Processes, int MicroBatches, int Parameters, int Seed) c, Func<int, IExchangeSession> join)
    {
        var random = new Random(c.Seed);
        var steps = Enumerable.Range(0, 2).Select(s => (
            Gradients: Gradients.Random(c.MicroBatches, c.Parameters, c.Seed + s),
            Deal: Enumerable.Range(0, c.MicroBatches).Select(_ => random.Next(c.Processes)).ToArray(),
            Wishes: Enumerable.Range(0, c.Processes).Select(_ => random.Next(4) == 0 ? (StopWish)(1 << random.Next(4)) : StopWish.None).ToArray())).ToArray();
        var sums = steps.Select(step => step.Gradients.Sum).ToArray();
        Steps.OnThreads(c.Processes, self =>
        {
            using var session = join(self);
            for (var s = 0; s < steps.Length; s++)
            {
                var reduced = session.Run(100 + s, steps[s].Gradients.Fold(m => steps[s].Deal[m] == self), c.Parameters, steps[s].Wishes[self]);
                Steps.SameBits(sums[s], reduced);
                Assert.Equal(steps[s].Wishes.Aggregate((a, b) => a | b), reduced.Step.Wish);
            }
            return 0;
        });
    }
}
