using Orchestrator.Protocol.Order;

namespace Orchestrator.World;

/// <summary>What random numbers are for: each use of the seed has numbers of its own.</summary>
public enum Use
{
    /// <summary>Names and values of the lands.</summary>
    Lands = 1,

    /// <summary>Which lands are held out.</summary>
    HeldOut = 2,

    /// <summary>A document of the chronicle.</summary>
    Document = 3,

    /// <summary>Phrasings and order of records and questions.</summary>
    Examination = 4,

    /// <summary>Start values of a tensor of the base.</summary>
    Weights = 5,
}

/// <summary>Random numbers one after another, from <see cref="Counter"/>: the same everywhere and for ever, so that a seed is as good as a file.</summary>
/// <param name="seed">the world's seed</param>
/// <param name="use">what the numbers are for</param>
/// <param name="index">which of many: the number of a document, of a tensor</param>
public sealed class Dice(long seed, Use use, long index = 0)
{
    readonly Counter counter = Counter.Of(seed, (long)use, index);
    long drawn;

    /// <summary>A number in [0, <paramref name="bound"/>).</summary>
    public int Below(int bound) => (int)Math.BigMul(counter.Bits(drawn++), (ulong)bound, out _);

    /// <summary>True in <paramref name="percent"/> of 100 cases.</summary>
    public bool Chance(int percent) => Below(100) < percent;

    /// <summary>One of <paramref name="choices"/>, each as likely as the others.</summary>
    public T Of<T>(IReadOnlyList<T> choices) => choices[Below(choices.Count)];

    /// <summary><paramref name="items"/> in another order (Fisher and Yates).</summary>
    public T[] Shuffled<T>(IEnumerable<T> items)
    {
        T[] shuffled = [.. items];
        for (var last = shuffled.Length - 1; last > 0; last--)
        {
            var other = Below(last + 1);
            (shuffled[last], shuffled[other]) = (shuffled[other], shuffled[last]);
        }
        return shuffled;
    }

    /// <summary>A number of the standard normal distribution (Box and Muller).</summary>
    public double Normal()
    {
        var radius = Math.Sqrt(-2 * Math.Log(1 - counter.Uniform(drawn++)));
        return radius * Math.Cos(2 * Math.PI * counter.Uniform(drawn++));
    }
}
