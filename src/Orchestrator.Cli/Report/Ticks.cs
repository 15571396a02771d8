using System.Globalization;

namespace Orchestrator.Cli.Report;

/// <summary>Round numbers along an axis.</summary>
static class Ticks
{
    /// <summary>Multiples of 1, 2 or 5 times a power of ten, about <paramref name="wanted"/> of them, from at most <paramref name="least"/> to at least <paramref name="most"/>.</summary>
    public static IReadOnlyList<double> Around(double least, double most, int wanted)
    {
        if (!(most > least))
            most = least + Math.Max(Math.Abs(least) * 0.1, 1e-9);
        var step = StepNear((most - least) / wanted);
        var first = Math.Floor(least / step + 1e-9);
        var count = (int)(Math.Ceiling(most / step - 1e-9) - first) + 1;
        return [.. Enumerable.Range(0, count).Select(i => (first + i) * step)];
    }

    /// <summary>A number as an axis shows it: <c>1.5</c>, <c>20,000</c>, <c>4e-4</c>.</summary>
    public static string Text(double number) => Math.Abs(number) switch
    {
        < 1e-12 => "0",
        < 1e-2 => number.ToString("0.##e-0", CultureInfo.InvariantCulture),
        >= 1e6 => (number / 1e6).ToString("0.##", CultureInfo.InvariantCulture) + "M",
        >= 1e5 => (number / 1e3).ToString("0.##", CultureInfo.InvariantCulture) + "k",
        >= 1e3 => number.ToString("N0", CultureInfo.InvariantCulture),
        _ => number.ToString("0.###", CultureInfo.InvariantCulture),
    };

    static double StepNear(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return (rough / power) switch { < 1.5 => 1, < 3.5 => 2, < 7.5 => 5, _ => 10 } * power;
    }
}
