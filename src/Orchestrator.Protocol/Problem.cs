namespace Orchestrator.Protocol;

/// <summary>One mistake in what a user gave us, told so that it can be mended without reading our code.</summary>
/// <param name="Place">file, line, field or tensor: <c>job.yaml:7 optimizer.betas[1]</c></param>
/// <param name="Found">what stands there: <c>1.0</c></param>
/// <param name="Expected">what may stand there: <c>a number below 1</c></param>
/// <param name="Remedy">what to do: <c>0.95 is usual</c>; empty where <paramref name="Expected"/> says it all</param>
public sealed record Problem(string Place, string Found, string Expected, string Remedy = "")
{
    /// <summary>The problem as one line.</summary>
    public override string ToString() => $"{Place}: {Found} found, {Expected} expected{(Remedy.Length == 0 ? "" : "; " + Remedy)}";
}

/// <summary>
/// Input that cannot be used: a spec, a file, an argument. It is the user's to mend, so the command prints the problems, never a stack trace, and exits with 2.
/// </summary>
public sealed class ProblemException : Exception
{
    /// <summary>Everything that is wrong, not only the first.</summary>
    public IReadOnlyList<Problem> Problems { get; }

    /// <param name="problems">at least one</param>
    public ProblemException(params IReadOnlyList<Problem> problems)
        : base(string.Join(Environment.NewLine, problems)) => Problems = problems;

    /// <summary>A single problem, in the order of <see cref="Problem"/>.</summary>
    public ProblemException(string place, string found, string expected, string remedy = "")
        : this(new Problem(place, found, expected, remedy))
    {
    }
}
