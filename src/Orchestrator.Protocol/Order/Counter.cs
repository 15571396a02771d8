namespace Orchestrator.Protocol.Order;

/// <summary>
/// Random numbers as a function of where they are used: no state, no order of calls. The finaliser is SplitMix64's (Steele, Lea, Flood, OOPSLA 2014).
/// </summary>
/// <param name="Key">what the coordinates were folded into</param>
public readonly record struct Counter(ulong Key)
{
    /// <summary>The stream of a seed at some coordinates: an epoch, a step, a micro-batch.</summary>
    public static Counter Of(long seed, params ReadOnlySpan<long> coordinates)
    {
        var key = Mix((ulong)seed);
        foreach (var coordinate in coordinates)
            key = Mix(key ^ Mix((ulong)coordinate + Golden));
        return new Counter(key);
    }

    /// <summary>64 random bits, the <paramref name="index"/>-th of this stream.</summary>
    public ulong Bits(long index) => Mix(Key + Golden * (ulong)(index + 1));

    /// <summary>A number in [0, 1), the <paramref name="index"/>-th of this stream.</summary>
    public double Uniform(long index) => (Bits(index) >> 11) * (1.0 / (1UL << 53));

    const ulong Golden = 0x9E3779B97F4A7C15;

    static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
