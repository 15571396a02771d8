using CsCheck;
using Orchestrator.Protocol.Order;

namespace Orchestrator.Protocol.Tests.Order;

public class PermutationTests
{
    [Fact]
    public void Every_number_has_one_place_for_every_count()
    {
        for (var count = 1; count <= 5_000; count += count < 800 ? 1 : 17)
        {
            var permutation = new Permutation(count, Counter.Of(count));
            var seen = new bool[count];
            for (var place = 0; place < count; place++)
            {
                var number = permutation[place];
                if (seen[number])
                    Assert.Fail($"{number} has two places of {count}");
                seen[number] = true;
            }
        }
    }

    [Fact]
    public void Every_number_has_one_place_in_a_large_order()
    {
        var permutation = new Permutation(300_007, Counter.Of(1));
        var seen = new bool[permutation.Count];
        for (var place = 0; place < permutation.Count; place++)
            seen[permutation[place]] = true;
        Assert.DoesNotContain(false, seen);
    }

    [Fact]
    public void Epochs_and_seeds_have_orders_of_their_own()
        => Gen.Select(Gen.Long, Gen.Int[0, 1_000], Gen.Int[20, 2_000]).Sample((seed, epoch, count) =>
        {
            var order = Of(seed, epoch);
            Assert.Equal(order, Of(seed, epoch));
            Assert.NotEqual(order, Of(seed, epoch + 1));
            Assert.NotEqual(order, Of(seed + 1, epoch));
            Assert.NotEqual(order, Enumerable.Range(0, count));

            int[] Of(long s, int e)
            {
                var permutation = new Permutation(count, Counter.Of(s, Streams.Order, e));
                return [.. Enumerable.Range(0, count).Select(place => permutation[place])];
            }
        });

    [Fact]
    public void Each_number_comes_first_about_equally_often()
    {
        var first = new int[10];
        for (var epoch = 0; epoch < 10_000; epoch++)
            first[new Permutation(10, Counter.Of(7, Streams.Order, epoch))[0]]++;
        Assert.All(first, times => Assert.InRange(times, 850, 1_150));      // five standard deviations
    }

    [Fact]
    public void A_place_outside_is_refused()
    {
        var permutation = new Permutation(3, Counter.Of(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => permutation[3]);
        Assert.Throws<ArgumentOutOfRangeException>(() => permutation[-1]);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Permutation(0, Counter.Of(0)));
    }
}
