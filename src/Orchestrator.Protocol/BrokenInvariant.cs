namespace Orchestrator.Protocol;

/// <summary>
/// A mistake of ours: something that the README of this project says can never be. Whoever meets it stops before it can commit.
/// </summary>
/// <param name="number">the invariant's number in <c>src/Orchestrator.Protocol/README.md</c></param>
/// <param name="what">what was seen</param>
public sealed class BrokenInvariantException(int number, string what) : Exception($"invariant {number} is broken: {what}")
{
    /// <summary>The invariant's number in the README.</summary>
    public int Number { get; } = number;
}
