namespace Orchestrator.Protocol.Coordination;

/// <summary>Whether a deal still fits the workers' speeds.</summary>
public static class Balance
{
    /// <summary>How much faster the slowest share of a new deal must be: noise below a tenth can never make a deal of equal workers seem that bad.</summary>
    public const double GainMin = 1.25;

    /// <summary>Seconds that a new deal must save in each step to be worth the standstill.</summary>
    public const double SecondsSavedMin = 0.05;

    /// <summary>Steps from the beginning of a generation to its first deal by speed: as many are measured.</summary>
    public const int StepsMeasured = 2;

    /// <summary>Steps between the first two deals by speed of the same workers. Each later one waits twice as long: where the speeds change all the time, as on a machine that others
    /// use, no deal stays right, and the standstills would be all that is gained.</summary>
    public const int StepsBetween = 4;

    /// <summary>Steps after which a change of speed is looked at in any case.</summary>
    public const int StepsBetweenMax = 256;

    /// <summary>Steps until the next deal by speed, after so many of the same workers.</summary>
    public static int StepsAfter(int deals) => (int)Math.Min(StepsBetweenMax, (long)StepsBetween << Math.Clamp(deals - 1, 0, 16));

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

    /// <summary>The paces of those who have something to compute. Who has nothing cannot show that it has become faster: it counts as the mean again, and gets another chance.</summary>
    public static IReadOnlyDictionary<WorkerId, double> Fresh(Deal deal, IReadOnlyDictionary<WorkerId, double> paces)
    {
        ArgumentNullException.ThrowIfNull(deal);
        ArgumentNullException.ThrowIfNull(paces);
        return deal.Shares.Where(share => share.Count > 0 && paces.ContainsKey(share.Worker)).ToDictionary(share => share.Worker, share => paces[share.Worker]);
    }

    /// <summary>Seconds until the slowest has computed its share.</summary>
    public static double Seconds(Deal deal, IReadOnlyDictionary<WorkerId, double> paces)
    {
        ArgumentNullException.ThrowIfNull(deal);
        ArgumentNullException.ThrowIfNull(paces);
        var mean = paces.Count > 0 ? paces.Values.Average() : 0;
        return deal.Shares.Max(share => share.Count * paces.GetValueOrDefault(share.Worker, mean));
    }

    /// <summary>Whether another deal of the same workers would be so much faster that all should stand for it.</summary>
    /// <param name="deal">the present one</param>
    /// <param name="paces">seconds for an average micro-batch, by worker; nothing is decided before all who compute have told</param>
    public static bool IsLost(Deal deal, IReadOnlyDictionary<WorkerId, double> paces)
    {
        ArgumentNullException.ThrowIfNull(deal);
        ArgumentNullException.ThrowIfNull(paces);
        if (deal.Shares.Count < 2 || !deal.Shares.All(share => share.Count == 0 || paces.ContainsKey(share.Worker)))
            return false;
        paces = Fresh(deal, paces);
        var now = Seconds(deal, paces);
        if (now < SecondsSavedMin)
            return false;
        var then = Seconds(Dealer.Contiguous(deal.MicroBatches, Speeds(deal.Shares.Select(share => share.Worker), paces)), paces);
        return now >= then * GainMin && now - then >= SecondsSavedMin;
    }
}
