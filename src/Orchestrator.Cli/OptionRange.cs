using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Orchestrator.Cli;

/// <summary>The numbers that an option may have.</summary>
static class OptionRange
{
    /// <summary>A validator that refuses what is below <paramref name="least"/> or above <paramref name="most"/>.</summary>
    public static Action<OptionResult> Of<T>(Option<T?> option, T least, T most) where T : struct, INumber<T> => result =>
    {
        if (result.GetValueOrDefault<T?>() is { } number && !(number >= least && number <= most))
            result.AddError(string.Create(CultureInfo.InvariantCulture, $"{option.Name} {number}: a number from {least} to {most} expected."));
    };
}
