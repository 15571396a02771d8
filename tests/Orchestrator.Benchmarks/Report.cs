using System.Globalization;

namespace Orchestrator.Benchmarks;

/// <summary>The table, line by line as they are measured: Markdown, for the README and for people.</summary>
sealed class Report
{
    readonly List<string> lines = [];

    /// <summary>Whether every goal was met.</summary>
    public bool AllMet { get; private set; } = true;

    /// <summary>Prints what was measured on, and the head.</summary>
    public static Report Begin(bool quick)
    {
        Console.WriteLine($"{Measurement.Processor()}, {Environment.ProcessorCount} processors, {(quick ? "a quick run: too few repetitions for figures" : "medians [least .. most]")}");
        Console.WriteLine();
        Console.WriteLine("| what | here | against | result | goal | |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
        return new Report();
    }

    /// <summary>Adds a line.</summary>
    /// <param name="what">what was measured</param>
    /// <param name="here">what it took here</param>
    /// <param name="against">what it is compared with, and what that took</param>
    /// <param name="result">how they compare</param>
    /// <param name="unit">of the result</param>
    /// <param name="goal">what was wanted, or nothing where it is only reported</param>
    /// <param name="met">whether the goal was met; null where there is none</param>
    public void Add(string what, string here, string against, double result, string unit, string goal = "", bool? met = null)
        => Add(what, here, against, result.ToString("0.##", CultureInfo.InvariantCulture) + " " + unit, goal, met);

    /// <inheritdoc cref="Add(string, string, string, double, string, string, bool?)"/>
    public void Add(string what, string here, string against, string result, string goal = "", bool? met = null)
    {
        AllMet &= met ?? true;
        lines.Add($"| {what} | {here} | {against} | {result} | {goal} | {met switch { true => "met", false => "**missed**", null => "" }} |");
        Console.WriteLine(lines[^1]);
    }

    /// <summary>A line about what was not measured here, and why.</summary>
    public void NotMeasured(string what, string why) => Add(what, "not measured", why, "");
}
