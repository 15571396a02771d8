namespace Orchestrator.Cli.Report;

/// <summary>What <c>report.html</c> shows of a run.</summary>
public sealed record RunReport
{
    /// <summary>The job's name.</summary>
    public required string Job { get; init; }

    /// <summary>One line below it: what was trained on what, and how it ended.</summary>
    public required string Summary { get; init; }

    /// <summary>Committed steps, ascending.</summary>
    public required IReadOnlyList<ReportStep> Steps { get; init; }

    /// <summary>Looks at the held-out records, ascending; the first may be that of step 0.</summary>
    public IReadOnlyList<ReportEvaluation> Evaluations { get; init; } = [];

    /// <summary>The gates at the end, adapted layers ascending; empty for a method without gates.</summary>
    public IReadOnlyList<ReportGates> Gates { get; init; } = [];

    /// <summary>Some answers before and after.</summary>
    public IReadOnlyList<ReportAnswer> Answers { get; init; } = [];

    /// <summary>Names and values for the table at the end: digests, sizes, device.</summary>
    public IReadOnlyList<(string Name, string Value)> Facts { get; init; } = [];
}

/// <summary>A committed step.</summary>
/// <param name="Step">its number</param>
/// <param name="Loss">mean loss of its supervised tokens, in nats</param>
/// <param name="LearningRate">of its update</param>
/// <param name="TokensPerSecond">of all workers; null where nobody measured</param>
public readonly record struct ReportStep(long Step, double Loss, double LearningRate, double? TokensPerSecond);

/// <summary>A look at the held-out records.</summary>
/// <param name="Step">whose adapter</param>
/// <param name="Loss">mean held-out loss, in nats</param>
/// <param name="ExactMatch">share of answers that were right, 0 to 1; null where none was generated</param>
public readonly record struct ReportEvaluation(long Step, double Loss, double? ExactMatch);

/// <summary>The gates of an adapted layer.</summary>
/// <param name="Layer">its number in the base, from 0</param>
/// <param name="Heads">tanh of each head's gate, in (-1, 1); one number where the heads share it</param>
public sealed record ReportGates(int Layer, IReadOnlyList<double> Heads);

/// <summary>A question, and what the base and the trained adapter say.</summary>
/// <param name="Instruction">what was asked</param>
/// <param name="Input">what it was asked about, or empty</param>
/// <param name="Expected">the record's own answer</param>
/// <param name="Before">the base's answer; null where it was not asked</param>
/// <param name="After">the adapter's answer</param>
public sealed record ReportAnswer(string Instruction, string Input, string Expected, string? Before, string After);
