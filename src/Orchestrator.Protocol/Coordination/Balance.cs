namespace Orchestrator.Protocol.Coordination;

/// <summary>Whether a deal still fits the workers' speeds.</summary>
public static class Balance
{
    /// <summary>How much faster the slowest share of a new deal must be: noise below a tenth can never make a deal of equal workers seem that bad.</summary>
    public const double GainMin = 1.25;

    /// <summary>Seconds that a new deal must save in each step to be worth the standstill.</summary>
    public const double SecondsSavedMin = 0.01;

    /// <summary>Steps from the beginning of a generation to its first deal by speed: as many are measured.</summary>
    public const int StepsMeasured = 2;

    /// <summary>Steps between two deals by speed.</summary>
    public const int StepsBetween = 4;

    /// <summary>The speeds to deal by. Workers that are about equally fast count as equal: their ranges keep to the tree's boundaries.</summary>
    /// <param name="workers">the members, in the order of their ids</param>
    /// <param name="paces">seconds for an average micro-batch, by worker; who is missing counts as the mean of the others</param>
    public static IReadOnlyList<WorkerSpeed> Speeds(IEnumerable<WorkerId> workers, IReadOnlyDictionary<WorkerId, double> paces)
    {
        ArgumentNullException.ThrowIfNull(workers);
        ArgumentNullException.ThrowIfNull(paces);
        var all = workers.ToList();
        var known = all.Where(paces.ContainsKey).Select(worker => paces[worker]).ToList();
        if (known.Count == 0 || known.Max() < known.Min() * GainMin)
            return [.. all.Select(worker => new WorkerSpeed(worker, 1))];
        var mean = known.Average();
        return [.. all.Select(worker => new WorkerSpeed(worker, mean / paces.GetValueOrDefault(worker, mean)))];
    }

    /// <summary>Seconds until the slowest has computed its share.</summary>
    public static double Seconds(Deal deal, IReadOnlyDictionary<WorkerId, double> paces)
    {
        ArgumentNullException.ThrowIfNull(deal);
        ArgumentNullException.ThrowIfNull(paces);
        return deal.Shares.Max(share => share.Count * paces.GetValueOrDefault(share.Worker));
    }

    /// <summary>Whether another deal of the same workers would be so much faster that all should stand for it.</summary>
    /// <param name="deal">the present one</param>
    /// <param name="paces">seconds for an average micro-batch, by worker; nothing is decided before all have told</param>
    public static bool IsLost(Deal deal, IReadOnlyDictionary<WorkerId, double> paces)
    {
        ArgumentNullException.ThrowIfNull(deal);
        ArgumentNullException.ThrowIfNull(paces);
        if (deal.Shares.Count < 2 || !deal.Shares.All(share => paces.ContainsKey(share.Worker)))
            return false;
        var now = Seconds(deal, paces);
        if (now < SecondsSavedMin)
            return false;
        var then = Seconds(Dealer.Contiguous(deal.MicroBatches, Speeds(deal.Shares.Select(share => share.Worker), paces)), paces);
        return now >= then * GainMin && now - then >= SecondsSavedMin;
    }
}
