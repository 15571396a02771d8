using Orchestrator.Protocol;

namespace Orchestrator.Engine.Auditing;

/// <summary>What an audit found.</summary>
/// <param name="Steps">steps that were looked at</param>
/// <param name="Partings">every place where the run is not what it says, in the order in which they were met; none where it is</param>
/// <param name="Notes">what the reader should know beside them: what could not be looked at, and why</param>
public sealed record AuditResult(long Steps, IReadOnlyList<Problem> Partings, IReadOnlyList<string> Notes)
{
    /// <summary>Whether everything that was looked at is as it says.</summary>
    public bool Agrees => Partings.Count == 0;
}
