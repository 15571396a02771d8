using System.Runtime.CompilerServices;
using Orchestrator.Protocol.Order;

namespace Orchestrator.Simulation;

/// <summary>Virtual time, chance, and the points at which faults strike. Everything that happens is a function of the seed.</summary>
/// <param name="seed">which world</param>
/// <param name="trace">where what happens is told; null tells nothing</param>
sealed class World(long seed, List<string>? trace)
{
    readonly PriorityQueue<Action, (long At, long Number)> queue = new();
    readonly Dictionary<string, int> passed = [];
    readonly Dictionary<(string Point, int Nth), Action> strikes = [];
    long scheduled;

    /// <summary>Microseconds since the beginning.</summary>
    public long Now { get; private set; }

    /// <summary>The time as the protocol sees it.</summary>
    public DateTimeOffset Time => DateTimeOffset.UnixEpoch.AddMicroseconds(Now);

    /// <summary>All chance of this world.</summary>
    public Chance Chance { get; } = new(seed, 1);

    /// <summary>Does something after a while.</summary>
    public void After(long microseconds, Action what) => queue.Enqueue(what, (Now + microseconds, scheduled++));

    /// <summary>Does what is next.</summary>
    /// <returns>whether there was anything</returns>
    public bool Step()
    {
        if (!queue.TryDequeue(out var what, out var when))
            return false;
        Now = when.At;
        what();
        return true;
    }

    /// <summary>Lets a fault strike when a point is passed for the n-th time from now.</summary>
    public void StrikeAt(string point, int nth, Action fault) => strikes[(point, passed.GetValueOrDefault(point) + nth)] = fault;

    /// <summary>A point is passed.</summary>
    public void Pass(string point)
    {
        var times = passed[point] = passed.GetValueOrDefault(point) + 1;
        if (strikes.Remove((point, times), out var fault))
            fault();
    }

    /// <summary>Tells what happens, where somebody listens.</summary>
    public void Say([InterpolatedStringHandlerArgument("")] ref Telling telling)
    {
        if (telling.Listens)
            trace!.Add($"{Now / 1e6,11:0.000000}  {telling.Text}");
    }

    /// <summary>Formats only where somebody listens.</summary>
    [InterpolatedStringHandler]
    public ref struct Telling
    {
        DefaultInterpolatedStringHandler text;

        /// <summary>Called by the compiler.</summary>
        public Telling(int literalLength, int formattedCount, World world, out bool listens)
        {
            listens = Listens = world.Listens;
            text = Listens ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
        }

        /// <summary>Whether somebody listens.</summary>
        public bool Listens { get; }

        /// <summary>What is told.</summary>
        public string Text => text.ToStringAndClear();

        /// <summary>Called by the compiler.</summary>
        public void AppendLiteral(string value) => text.AppendLiteral(value);

        /// <summary>Called by the compiler.</summary>
        public void AppendFormatted<T>(T value, string? format = null) => text.AppendFormatted(value, format);
    }

    bool Listens => trace is not null;
}

/// <summary>Random numbers of a seed, one after the other.</summary>
sealed class Chance(long seed, long stream)
{
    readonly Counter counter = Counter.Of(seed, stream);
    long drawn;

    /// <summary>A number from <paramref name="lo"/> to <paramref name="hi"/>, both included.</summary>
    public int Between(int lo, int hi) => lo + (int)(counter.Bits(drawn++) % (ulong)(hi - lo + 1));

    /// <summary>True with this probability.</summary>
    public bool Happens(double probability) => counter.Uniform(drawn++) < probability;

    /// <summary>One of several.</summary>
    public T Of<T>(IReadOnlyList<T> choices) => choices[Between(0, choices.Count - 1)];
}

/// <summary>An oracle has seen what may never be.</summary>
/// <param name="number">of the invariant, in the protocol's README</param>
/// <param name="what">what was seen</param>
sealed class ViolationException(int number, string what) : Exception($"invariant {number}: {what}");
