namespace Orchestrator.Protocol.Coordination;

/// <summary>
/// What follows from different statements about one micro-batch. Who contradicts itself computes wrong. Else those who are alone against two that say the same compute wrong;
/// another worker is asked until that is so. Where no other is left, each side is asked once more; if both repeat themselves, nobody can tell, and none of them is believed.
/// </summary>
/// <param name="Wrong">who computes wrong; nobody while <paramref name="Ask"/> is to be asked</param>
/// <param name="Ask">who should compute it once more</param>
/// <param name="IsCertain">whether those who are wrong are known to be, or are only not known to be right</param>
public sealed record Verdict(IReadOnlyList<WorkerId> Wrong, WorkerId? Ask, bool IsCertain)
{
    /// <summary>Judges a dispute.</summary>
    /// <param name="leaf">what is said</param>
    /// <param name="members">who could be asked, in the order of their ids</param>
    public static Verdict On(AuditedLeaf leaf, IReadOnlyList<WorkerId> members)
    {
        ArgumentNullException.ThrowIfNull(leaf);
        ArgumentNullException.ThrowIfNull(members);
        var said = leaf.Statements.Where(statement => statement.Digest is not null).ToList();
        var fickle = said.GroupBy(statement => statement.Worker).Where(of => of.Select(statement => statement.Digest).Distinct().Skip(1).Any()).Select(of => of.Key).Order().ToList();
        if (fickle.Count > 0)
            return new Verdict(fickle, null, IsCertain: true);

        var camps = said.GroupBy(statement => statement.Digest, statement => statement.Worker).Select(of => of.Distinct().ToList()).OrderByDescending(camp => camp.Count).ToList();
        if (camps.Count > 1 && camps[0].Count > camps[1].Count)
            return new Verdict([.. camps.Skip(1).SelectMany(camp => camp).Order()], null, IsCertain: true);

        var silos = leaf.Statements.Select(statement => statement.Worker.Silo).ToHashSet(StringComparer.Ordinal);
        var fresh = members.Where(member => leaf.Statements.All(statement => statement.Worker != member)).ToList();
        if (fresh.Count > 0)
            return new Verdict([], fresh.OrderBy(member => silos.Contains(member.Silo)).ThenBy(member => member).First(), IsCertain: false);
        // Asked once more, each side could show that it does not repeat itself.
        var once = members.Where(member => leaf.Statements.Count(statement => statement.Worker == member) == 1 && said.Exists(statement => statement.Worker == member)).ToList();
        return once.Count > 0 ? new Verdict([], once[0], IsCertain: false)
            : new Verdict([.. said.Select(statement => statement.Worker).Distinct().Order()], null, IsCertain: false);
    }
}
