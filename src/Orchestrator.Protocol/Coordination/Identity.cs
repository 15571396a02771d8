using System.Text.Json.Serialization;

namespace Orchestrator.Protocol.Coordination;

/// <summary>The number of the current membership of a job. Every message carries it; a message of another generation is dropped.</summary>
[JsonConverter(typeof(GenerationJson))]
public readonly record struct Generation(long Number) : IComparable<Generation>
{
    /// <summary>Before the first membership.</summary>
    public static readonly Generation None = new(0);

    /// <summary>The membership after this one.</summary>
    public Generation Next => new(Number + 1);

    /// <inheritdoc/>
    public int CompareTo(Generation other) => Number.CompareTo(other.Number);

    /// <summary>Older than.</summary>
    public static bool operator <(Generation left, Generation right) => left.Number < right.Number;

    /// <summary>Newer than.</summary>
    public static bool operator >(Generation left, Generation right) => left.Number > right.Number;

    /// <summary>Not newer than.</summary>
    public static bool operator <=(Generation left, Generation right) => left.Number <= right.Number;

    /// <summary>Not older than.</summary>
    public static bool operator >=(Generation left, Generation right) => left.Number >= right.Number;

    /// <inheritdoc/>
    public override string ToString() => Number.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>
/// An optimiser update, counted from 1. "State at step n" is the state after n updates; step 0 is the start.
/// </summary>
[JsonConverter(typeof(StepJson))]
public readonly record struct Step(long Number) : IComparable<Step>
{
    /// <summary>No update was made yet.</summary>
    public static readonly Step Start = new(0);

    /// <summary>The update after this one.</summary>
    public Step Next => new(Number + 1);

    /// <inheritdoc/>
    public int CompareTo(Step other) => Number.CompareTo(other.Number);

    /// <summary>Before.</summary>
    public static bool operator <(Step left, Step right) => left.Number < right.Number;

    /// <summary>After.</summary>
    public static bool operator >(Step left, Step right) => left.Number > right.Number;

    /// <summary>Not after.</summary>
    public static bool operator <=(Step left, Step right) => left.Number <= right.Number;

    /// <summary>Not before.</summary>
    public static bool operator >=(Step left, Step right) => left.Number >= right.Number;

    /// <inheritdoc/>
    public override string ToString() => Number.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>One accelerator, or one CPU share, of one silo.</summary>
/// <param name="Silo">the silo's name, which survives a restart</param>
/// <param name="Slot">the accelerator within it, from 0</param>
[JsonConverter(typeof(WorkerIdJson))]
public readonly record struct WorkerId(string Silo, int Slot) : IComparable<WorkerId>
{
    /// <inheritdoc/>
    public int CompareTo(WorkerId other)
        => string.CompareOrdinal(Silo, other.Silo) is var order && order != 0 ? order : Slot.CompareTo(other.Slot);

    /// <summary>Before, in the order of deals.</summary>
    public static bool operator <(WorkerId left, WorkerId right) => left.CompareTo(right) < 0;

    /// <summary>After, in the order of deals.</summary>
    public static bool operator >(WorkerId left, WorkerId right) => left.CompareTo(right) > 0;

    /// <summary>Not after, in the order of deals.</summary>
    public static bool operator <=(WorkerId left, WorkerId right) => left.CompareTo(right) <= 0;

    /// <summary>Not before, in the order of deals.</summary>
    public static bool operator >=(WorkerId left, WorkerId right) => left.CompareTo(right) >= 0;

    /// <summary>The worker as text: <c>silo/slot</c>, which is its grain's key.</summary>
    public override string ToString() => $"{Silo}/{Slot.ToString(System.Globalization.CultureInfo.InvariantCulture)}";

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    /// <exception cref="FormatException">there is no slash, or no number behind the last one</exception>
    public static WorkerId Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var slash = text.LastIndexOf('/');
        if (slash <= 0 || !int.TryParse(text.AsSpan(slash + 1), System.Globalization.CultureInfo.InvariantCulture, out var slot))
            throw new FormatException($"'{text}' names no worker; a worker is silo/slot");
        return new WorkerId(text[..slash], slot);
    }
}
