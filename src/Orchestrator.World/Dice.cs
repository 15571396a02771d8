namespace Orchestrator.World;

/// <summary>Random numbers as a function of a seed and of what they are for (SplitMix64): the same everywhere and for ever, so a seed is as good as a file.</summary>
public sealed class Dice
{
    const double Unit = 1.0 / (1L << 53);
    ulong state;

    /// <param name="seed">the world's seed</param>
    /// <param name="purpose">what the numbers are for: each purpose has a sequence of its own</param>
    /// <param name="index">which of many: the number of a document, of a tensor</param>
    public Dice(ulong seed, string purpose, long index = 0)
    {
        state = Mixed(seed);
        foreach (var letter in purpose)
            state = Mixed(state ^ letter);
        state = Mixed(state ^ (ulong)index);
    }

    /// <summary>A number in [0, <paramref name="bound"/>).</summary>
    public int Below(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

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
        var radius = Math.Sqrt(-2 * Math.Log((Next() >> 11) * Unit + Unit / 2));
        return radius * Math.Cos(2 * Math.PI * ((Next() >> 11) * Unit));
    }

    ulong Next() => Mixed(state += 0x9E3779B97F4A7C15);

    static ulong Mixed(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
