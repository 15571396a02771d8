using System.Numerics;

namespace Orchestrator.Protocol.Order;

/// <summary>
/// An order of the numbers 0 to <see cref="Count"/> - 1 as a function of a counter: any place is known without the others. Four rounds of a Feistel
/// network over the next even number of bits; a value beyond the count walks on until it falls inside (Black and Rogaway, CT-RSA 2002).
/// </summary>
public readonly struct Permutation
{
    readonly Counter counter;
    readonly int halfBits;

    /// <param name="count">how many numbers, at least 1</param>
    /// <param name="counter">which order</param>
    public Permutation(int count, Counter counter)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Count = count;
        this.counter = counter;
        halfBits = Math.Max(1, (BitOperations.Log2((uint)Math.Max(1, count - 1)) + 2) / 2);
    }

    /// <summary>How many numbers are ordered.</summary>
    public int Count { get; }

    /// <summary>The number at place <paramref name="index"/>.</summary>
    public int this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            var value = (ulong)index;
            do
                value = Rounds(value);
            while (value >= (ulong)Count);
            return (int)value;
        }
    }

    ulong Rounds(ulong value)
    {
        var mask = (1UL << halfBits) - 1;
        var (left, right) = (value >> halfBits, value & mask);
        for (var round = 0L; round < 4; round++)
            (left, right) = (right, left ^ (counter.Bits((round << 32) | (long)right) & mask));
        return (left << halfBits) | right;
    }
}
