using System.Globalization;
using System.Text.Json;
using Orchestrator.Engine;

namespace Orchestrator.Cli.Demo;

/// <summary>A run's training loss on one line: a bar for each few steps, from the ledger or as they come.</summary>
static class LossCurve
{
    const string Bars = "▁▂▃▄▅▆▇█";
    const int BarsMax = 51;

    /// <summary><c>1.81 █████▆▄▂▁▁▁ 0.16</c></summary>
    public static string Of(RunFolder run) => Of([.. File.ReadLines(run.Ledger).Skip(1).Select(LossOf)]);

    /// <summary>The same of losses in the order of their steps.</summary>
    public static string Of(IReadOnlyList<double> losses)
    {
        if (losses.Count == 0)
            return "";
        var means = losses.Chunk((losses.Count + BarsMax - 1) / BarsMax).Select(chunk => chunk.Average()).ToList();
        var (low, high) = (means.Min(), means.Max());
        var bars = string.Concat(means.Select(mean => Bars[high > low ? (int)Math.Min(Bars.Length - 1, (mean - low) / (high - low) * Bars.Length) : 0]));
        return string.Create(CultureInfo.InvariantCulture, $"{losses[0]:0.00} {bars} {losses[^1]:0.00}");
    }

    static double LossOf(string line)
    {
        using var json = JsonDocument.Parse(line);
        return json.RootElement.GetProperty("loss").GetDouble();
    }
}
