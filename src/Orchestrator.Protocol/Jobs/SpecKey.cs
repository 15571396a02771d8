using System.Text.Json;

namespace Orchestrator.Protocol.Jobs;

/// <summary>What a key's value is.</summary>
public enum SpecKind
{
    /// <summary>A string.</summary>
    Text,

    /// <summary>A whole number.</summary>
    Whole,

    /// <summary>A number.</summary>
    Number,

    /// <summary>A list of numbers.</summary>
    Numbers,

    /// <summary>True or false.</summary>
    Flag,
}

/// <summary>
/// One key of a spec. Reader, rules, schema, the commented example and shell completion know a key from here alone; <see cref="SpecKeys"/> has them all.
/// </summary>
/// <param name="Path">where it stands: <c>training.epochs</c></param>
/// <param name="Kind">what its value is</param>
/// <param name="Value">reads it from a spec; an enumeration as its name in a spec, null where it is left to the default rule</param>
/// <param name="Says">what it means, for people: one or two sentences</param>
public sealed record SpecKey(string Path, SpecKind Kind, Func<JobSpec, object?> Value, string Says)
{
    /// <summary>Whether <c>null</c> may stand there; its meaning is in <see cref="Says"/>.</summary>
    public bool Optional { get; init; }

    /// <summary>Whether its value names a file or a folder.</summary>
    public bool IsPath { get; init; }

    /// <summary>What a number counts: <c>steps</c>, <c>tokens</c>; empty for a pure number.</summary>
    public string Unit { get; init; } = "";

    /// <summary>The numbers allowed; of <see cref="SpecKind.Numbers"/>, for each of them.</summary>
    public SpecRange Range { get; init; }

    /// <summary>The words allowed, of a <see cref="SpecKind.Text"/> that is a choice; null if it is free.</summary>
    public IReadOnlyList<string>? OneOf { get; init; }

    /// <summary>Its last part: <c>epochs</c>.</summary>
    public string Name => Path[(Path.LastIndexOf('.') + 1)..];

    /// <summary>The group it belongs to: <c>training</c>; empty for a key at the top.</summary>
    public string Group => Path.LastIndexOf('.') is > 0 and var dot ? Path[..dot] : "";

    /// <summary>The value of a spec that does not name it.</summary>
    public object? Default => Value(SpecKeys.Defaults);

    /// <summary>What may stand there, in words: <c>a whole number of steps, at least 1</c>.</summary>
    public string Expects
    {
        get
        {
            var of = Unit.Length == 0 ? "" : $" of {Unit}";
            var within = Range.ToString() is { Length: > 0 } words ? ", " + words : "";
            var value = Kind switch
            {
                _ when OneOf is not null => string.Join(" or ", OneOf),
                SpecKind.Whole => $"a whole number{of}{within}",
                SpecKind.Number => $"a number{of}{within}",
                SpecKind.Numbers => $"a list of numbers, each{(within.Length == 0 ? " finite" : within[1..])}",
                SpecKind.Flag => "true or false",
                _ => "a text",
            };
            return Optional ? value + ", or null" : value;
        }
    }

    /// <summary>The name of an enumeration's value in a spec: <c>PerHead</c> is <c>perHead</c>.</summary>
    public static string NameOf<TEnum>(TEnum value) where TEnum : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());

    /// <summary>The names of all values of an enumeration in a spec.</summary>
    public static IReadOnlyList<string> NamesOf<TEnum>() where TEnum : struct, Enum => [.. Enum.GetValues<TEnum>().Select(NameOf)];
}
