using Orchestrator.Protocol;

namespace Orchestrator.Learning.Data;

/// <summary>The first problems of a file, and how many there are.</summary>
/// <param name="path">the file</param>
internal sealed class ProblemList(string path)
{
    const int Shown = 20;

    readonly List<Problem> first = [];
    int count;

    public bool Any => count > 0;

    /// <summary>Whether nothing more would be shown.</summary>
    public bool IsFull => count >= Shown;

    public void Add(IReadOnlyList<Problem> problems)
    {
        first.AddRange(problems.Take(Shown - first.Count));
        count += problems.Count;
    }

    /// <exception cref="ProblemException">there is a problem</exception>
    public void Throw()
    {
        if (count > first.Count)
            first.Add(new Problem(path, $"{count - first.Count:N0} more such problems", "none"));
        if (count > 0)
            throw new ProblemException([.. first]);
    }
}
