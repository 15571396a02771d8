using System.Globalization;
using Spectre.Console;

namespace Orchestrator.Cli;

/// <summary>What <see cref="ProgressView"/> writes, as text.</summary>
static class ProgressText
{
    const int BarWidthMax = 40;
    const int BarWidthMin = 8;

    /// <summary><c>31,204 of 52,002 records</c></summary>
    public static string Of(TrainingProgress.Preparing part) => part switch
    {
        { Unit: "bytes", Total: > 0 } => $"{Bytes(part.Done)} of {Bytes(part.Total)}",
        { Unit: "bytes" } => Bytes(part.Done),
        { Total: > 0 } => Invariant($"{part.Done:N0} of {part.Total:N0} {part.Unit}"),
        _ => Invariant($"{part.Done:N0} {part.Unit}"),
    };

    /// <summary><c>step 412 of 1000  loss 1.0460  validation 1.1200  lr 4.1e-3  6,213 tokens/s  4 workers</c></summary>
    public static string Of(TrainingProgress.Stepped step, long steps, double? validation)
        => Invariant($"step {step.Step} of {steps}  loss {step.Loss:0.0000}")
            + (validation is { } loss ? Invariant($"  validation {loss:0.0000}") : "")
            + Invariant($"  lr {step.LearningRate:0.0e-0}  {step.TokensPerSecond:N0} tokens/s  {step.Workers} {(step.Workers == 1 ? "worker" : "workers")}");

    /// <summary><c>step 500  validation 1.1200  perplexity 3.06  exact match 98.0 %</c></summary>
    public static string Of(TrainingProgress.Evaluated evaluated)
        => Invariant($"step {evaluated.Step}  validation {evaluated.Loss:0.0000}  perplexity {Math.Exp(evaluated.Loss):0.00}")
            + (evaluated.ExactMatch is { } share ? Invariant($"  exact match {share * 100:0.0} %") : "");

    /// <summary>The live line, as Spectre's markup, cut to one line of the terminal.</summary>
    public static string Live(string what, long done, long total, string text, int width)
    {
        var bar = Math.Min(BarWidthMax, width - what.Length - text.Length - 4);
        if (total <= 0 || bar < BarWidthMin)
            return Markup.Escape(Cut($"{what}  {text}", width - 1));
        var full = (int)(Math.Clamp((double)done / total, 0, 1) * bar);
        return $"{Markup.Escape(what)} [green]{new string('━', full)}[/][grey]{new string('─', bar - full)}[/] {Markup.Escape(text)}";
    }

    /// <summary><c>14.7 MB</c>, in powers of ten.</summary>
    public static string Bytes(long count) => count switch
    {
        >= 1_000_000_000 => Invariant($"{count / 1e9:0.0} GB"),
        >= 1_000_000 => Invariant($"{count / 1e6:0.0} MB"),
        >= 1_000 => Invariant($"{count / 1e3:0.0} kB"),
        _ => Invariant($"{count} bytes"),
    };

    static string Cut(string text, int width) => text.Length <= width ? text : text[..Math.Max(0, width)];

    static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
