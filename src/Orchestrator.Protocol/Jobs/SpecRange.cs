using System.Globalization;

namespace Orchestrator.Protocol.Jobs;

/// <summary>The numbers that a key may have.</summary>
public readonly record struct SpecRange
{
    /// <summary>Smallest number allowed.</summary>
    public double? AtLeast { get; init; }

    /// <summary>Number that must be exceeded.</summary>
    public double? Above { get; init; }

    /// <summary>Largest number allowed.</summary>
    public double? AtMost { get; init; }

    /// <summary>Number that must not be reached.</summary>
    public double? Below { get; init; }

    /// <summary>Whether <paramref name="number"/> is finite and within.</summary>
    public bool Contains(double number)
        => double.IsFinite(number) && !(number < AtLeast) && !(number <= Above) && !(number > AtMost) && !(number >= Below);

    /// <summary>The range in words: <c>at least 1 and at most 1024</c>; empty if every number is allowed.</summary>
    public override string ToString()
        => string.Join(" and ", new[] { Words("at least", AtLeast), Words("above", Above), Words("at most", AtMost), Words("below", Below) }
            .Where(words => words is not null));

    static string? Words(string relation, double? bound)
        => bound is { } number ? string.Create(CultureInfo.InvariantCulture, $"{relation} {number}") : null;
}
