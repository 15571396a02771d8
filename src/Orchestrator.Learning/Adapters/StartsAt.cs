using Orchestrator.Protocol.Order;

namespace Orchestrator.Learning.Adapters;

/// <summary>The usual start values.</summary>
public static class StartsAt
{
    /// <summary>All zero.</summary>
    public static StartValues Zero { get; } = (_, _, _, values) => values.Clear();

    /// <summary>
    /// Normal(0, 1), by Box and Muller's transform of two numbers of a counter: element i of the vector is a function of the seed and of i.
    /// </summary>
    public static StartValues Normal { get; } = (_, seed, offset, values) =>
    {
        var counter = Counter.Of(seed, Streams.StartValues);
        for (var i = 0; i < values.Length; i++)
        {
            var index = 2L * (offset + i);
            var radius = Math.Sqrt(-2 * Math.Log(1 - counter.Uniform(index)));      // 1 - u: the logarithm of zero is never taken
            values[i] = (float)(radius * Math.Cos(2 * Math.PI * counter.Uniform(index + 1)));
        }
    };
}
