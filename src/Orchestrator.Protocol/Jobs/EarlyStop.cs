namespace Orchestrator.Protocol.Jobs;

/// <summary>Whether a job ends before its last step.</summary>
public static class EarlyStop
{
    /// <summary>Whether the last <paramref name="patience"/> evaluations brought no lower held-out loss than the best before them.</summary>
    /// <param name="losses">held-out losses in the order of their steps, the latest last</param>
    /// <param name="patience">evaluations; null never ends</param>
    public static bool Ends(IReadOnlyList<double> losses, int? patience)
    {
        ArgumentNullException.ThrowIfNull(losses);
        if (patience is not { } n || losses.Count <= n)
            return false;
        var best = losses.Take(losses.Count - n).Min();
        return losses.Skip(losses.Count - n).All(loss => !(loss < best));
    }
}
