using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Simulation;

/// <summary>
/// A number that knows how it came about: equal sums have equal terms in the same tree. It is neither commutative nor associative, so that any other order of addition,
/// any gradient of another state and any micro-batch that is missing or doubled gives another number.
/// </summary>
/// <param name="Hash">which terms, in which tree</param>
/// <param name="Leaves">which micro-batches are in it, as bits</param>
/// <param name="Twice">whether one of them is in it twice</param>
readonly record struct Value(ulong Hash, ulong Leaves, bool Twice)
{
    /// <summary>One element of the gradient of a micro-batch.</summary>
    public static Value Leaf(ulong state, Step step, int m, int element)
        => new(Arithmetic.Mix(Arithmetic.Mix(state, (ulong)step.Number), (ulong)(m * Arithmetic.Elements + element)), 1ul << m, false);

    /// <summary>Left plus right.</summary>
    public static Value operator +(Value left, Value right)
        => new(Arithmetic.Mix(left.Hash, right.Hash), left.Leaves | right.Leaves, left.Twice || right.Twice || (left.Leaves & right.Leaves) != 0);
}

/// <summary>The model that is trained: four elements, and every step's state a hash over its sum.</summary>
static class Arithmetic
{
    /// <summary>Length of the vector.</summary>
    public const int Elements = 4;

    /// <summary>The state before the first step.</summary>
    public const ulong Start = 0x0123_4567_89AB_CDEF;

    /// <summary>The gradient of a micro-batch.</summary>
    public static Value[] Gradient(ulong state, Step step, int m) => [.. Enumerable.Range(0, Elements).Select(element => Value.Leaf(state, step, m, element))];

    /// <summary>The same with a wrong bit.</summary>
    public static Value[] Wrong(Value[] gradient) => [gradient[0] with { Hash = gradient[0].Hash ^ 1 }, .. gradient[1..]];

    /// <summary>A digest of a gradient.</summary>
    public static string Digest(Value[] gradient) => gradient.Aggregate(0ul, (hash, value) => Mix(hash, value.Hash)).ToString("x16", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Element by element.</summary>
    public static Value[] Add(Value[] left, Value[] right) => [.. left.Zip(right, (a, b) => a + b)];

    /// <summary>The state after a step.</summary>
    public static ulong Update(ulong state, Value[] sum) => sum.Aggregate(state, (hash, value) => Mix(hash, value.Hash));

    /// <summary>The states of the undisturbed run on one worker, from the start to the last step, by the definition of the sum.</summary>
    public static ulong[] Undisturbed(int microBatches, int steps)
    {
        var states = new ulong[steps + 1];
        states[0] = Start;
        for (var n = 1; n <= steps; n++)
            states[n] = Update(states[n - 1], Sum(states[n - 1], new Step(n), 0, microBatches));
        return states;
    }

    static Value[] Sum(ulong state, Step step, int lo, int hi)
    {
        if (hi - lo == 1)
            return Gradient(state, step, lo);
        var half = 1;
        while (half * 2 < hi - lo)
            half *= 2;
        return Add(Sum(state, step, lo, lo + half), Sum(state, step, lo + half, hi));
    }

    /// <summary>A hash of two numbers in their order.</summary>
    public static ulong Mix(ulong a, ulong b)
    {
        var z = a * 0x9E3779B97F4A7C15 + (b ^ (b >> 29)) * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
