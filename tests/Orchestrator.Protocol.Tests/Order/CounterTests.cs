using CsCheck;
using Orchestrator.Protocol.Order;

namespace Orchestrator.Protocol.Tests.Order;

public class CounterTests
{
    [Fact]
    public void Streams_do_not_meet()
    {
        var seen = new HashSet<ulong>();
        foreach (var seed in (long[])[0, 1, 2, -1, long.MaxValue])
        {
            for (var stream = 0L; stream < 20; stream++)
            {
                for (var epoch = 0L; epoch < 20; epoch++)
                {
                    var counter = Counter.Of(seed, stream, epoch);
                    for (var index = 0L; index < 50; index++)
                        Assert.True(seen.Add(counter.Bits(index)), $"seed {seed}, stream {stream}, epoch {epoch}, index {index}");
                }
            }
        }
    }

    [Fact]
    public void The_order_and_the_number_of_coordinates_count()
        => Gen.Select(Gen.Long, Gen.Long, Gen.Long).Where((_, a, b) => a != b).Sample((seed, a, b) =>
        {
            Assert.NotEqual(Counter.Of(seed, a, b), Counter.Of(seed, b, a));
            Assert.NotEqual(Counter.Of(seed, a), Counter.Of(seed, a, 0));
            Assert.NotEqual(Counter.Of(seed, a), Counter.Of(seed));
        });

    [Fact]
    public void Uniform_numbers_fill_the_unit_interval_evenly()
    {
        var counter = Counter.Of(3, Streams.StartValues);
        var tenths = new int[10];
        for (var index = 0; index < 100_000; index++)
        {
            var number = counter.Uniform(index);
            Assert.InRange(number, 0, Math.BitDecrement(1.0));
            tenths[(int)(number * 10)]++;
        }
        Assert.All(tenths, count => Assert.InRange(count, 9_500, 10_500));
    }

    // These numbers define results that exist: they may never change.
    [Fact]
    public void The_numbers_are_those_of_the_first_release()
        => Assert.Equal([13743610303007021968, 12450576809626578518], new[] { Counter.Of(0, Streams.Order, 0).Bits(0), Counter.Of(42, Streams.HeldOut).Bits(7) });
}
