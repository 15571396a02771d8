namespace Orchestrator.Protocol.Coordination;

/// <summary>What a worker that waits for the sum computes in the meantime, in case whoever it was dealt to does not come.</summary>
public static class Hedging
{
    /// <summary>Micro-batches that a process computes for others in one step at most: each is a vector of the model's size.</summary>
    public const int HeldMax = 16;

    /// <summary>A peer is complained about after so many times the usual time of a micro-batch. More than <see cref="Pace.HangFactor"/>: its own process should tell first.</summary>
    public const double PatienceFactor = 15;

    /// <summary>Seconds that a peer is waited for at least.</summary>
    public const double PatienceSecondsMin = 3;

    /// <summary>Times its own share that a worker waits at least: others may be three times slower and are not yet complained about.</summary>
    public const double SharesMin = 2;

    /// <summary>
    /// The micro-batch to compute next: of those that are missing, one of the worker that has most of them, and the last of its range first, since it computes from the front.
    /// Workers that wait together begin at different ones.
    /// </summary>
    /// <param name="deal">the deal of the step</param>
    /// <param name="me">who asks</param>
    /// <param name="isThere">whether a micro-batch has arrived, or is held by this process</param>
    /// <returns>null where nothing is missing</returns>
    public static int? Next(Deal deal, WorkerId me, Func<int, bool> isThere)
    {
        var missing = Stragglers(deal, me, isThere).OrderByDescending(straggler => straggler.Missing.Count).ThenBy(straggler => straggler.Worker)
            .SelectMany(straggler => straggler.Missing.Reverse()).ToList();
        if (missing.Count == 0)
            return null;
        var place = deal.Shares.TakeWhile(share => share.Worker != me).Count();
        return missing[place % missing.Count];
    }

    /// <summary>The others of whose shares something is missing.</summary>
    public static IReadOnlyList<(WorkerId Worker, IReadOnlyList<int> Missing)> Stragglers(Deal deal, WorkerId me, Func<int, bool> isThere)
    {
        ArgumentNullException.ThrowIfNull(deal);
        ArgumentNullException.ThrowIfNull(isThere);
        return [.. deal.Shares.Where(share => share.Worker != me)
            .Select(share => (share.Worker, Missing: (IReadOnlyList<int>)[.. share.MicroBatches.Where(m => !isThere(m))])).Where(straggler => straggler.Missing.Count > 0)];
    }

    /// <summary>Seconds after which those who do not come are complained about.</summary>
    /// <param name="microBatchSeconds">the usual time of a micro-batch</param>
    /// <param name="shareSeconds">what this worker's own share of the step took</param>
    public static double Patience(double microBatchSeconds, double shareSeconds)
        => Math.Max(PatienceSecondsMin, Math.Max(PatienceFactor * microBatchSeconds, SharesMin * shareSeconds));
}
