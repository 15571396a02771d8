using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Protocol.Coordination;

/// <summary>How fast a worker was seen to be.</summary>
/// <param name="Worker">who</param>
/// <param name="Speed">micro-batches in a time, relative to the others'; positive</param>
public readonly record struct WorkerSpeed(WorkerId Worker, double Speed);

/// <summary>Makes deals.</summary>
public static class Dealer
{
    /// <summary>
    /// A contiguous range for each worker, such that the slowest to finish finishes as early as can be. Each node of the canonical tree that a range consists of is a vector
    /// on the wire: among such deals one in which the worker with the most nodes has the fewest, and among those one with the fewest in all.
    /// </summary>
    /// <param name="microBatches">M</param>
    /// <param name="workers">at least one, in the order of their ids</param>
    public static Deal Contiguous(int microBatches, IReadOnlyList<WorkerSpeed> workers)
    {
        ArgumentNullException.ThrowIfNull(workers);
        var capacities = Capacities(microBatches, workers);
        int[,]? cuts = null;
        for (var nodesMax = 1; cuts is null; nodesMax++)
            cuts = Cuts(microBatches, capacities, nodesMax);

        var shares = new WorkerShare[workers.Count];
        for (int k = 0, lo = 0; k < shares.Length; lo = cuts[k, lo], k++)
            shares[k] = new WorkerShare(workers[k].Worker, cuts[k, lo] > lo ? [new LeafRange(lo, cuts[k, lo])] : []);
        return new Deal(microBatches, shares);
    }

    // Where worker k's range ends if it begins at lo, for the fewest nodes in all; null where some worker would need more than nodesMax of them.
    static int[,]? Cuts(int microBatches, int[] capacities, int nodesMax)
    {
        const int Never = int.MaxValue;
        var count = capacities.Length;
        var nodes = new int[count + 1, microBatches + 1];      // of workers k and later, for the leaves lo and later
        var cuts = new int[count, microBatches + 1];
        for (var lo = 0; lo < microBatches; lo++)
            nodes[count, lo] = Never;
        for (var k = count - 1; k >= 0; k--)
        {
            for (var lo = microBatches; lo >= 0; lo--)
            {
                nodes[k, lo] = Never;
                for (var hi = Math.Min(microBatches, lo + capacities[k]); hi >= lo; hi--)
                {
                    var rest = nodes[k + 1, hi];
                    if (rest == Never || rest >= nodes[k, lo])
                        continue;
                    var own = TreeNode.CoverCount(microBatches, lo, hi);
                    if (own <= nodesMax && rest + own < nodes[k, lo])
                        (nodes[k, lo], cuts[k, lo]) = (rest + own, hi);
                }
            }
        }
        return nodes[0, 0] == Never ? null : cuts;
    }

    /// <summary>
    /// The deal of a step that was interrupted: every worker keeps what it has finished, and what nobody has is dealt to all by their speeds, in ascending order: what is
    /// finished costs no more time.
    /// </summary>
    /// <param name="microBatches">M</param>
    /// <param name="workers">the members of the new generation, in the order of their ids</param>
    /// <param name="held">what each has finished of its own share</param>
    /// <param name="hedged">what each has finished of others' shares: it counts where nobody has finished it of its own</param>
    public static Deal Missing(
        int microBatches, IReadOnlyList<WorkerSpeed> workers, IReadOnlyDictionary<WorkerId, IReadOnlyList<LeafRange>> held,
        IReadOnlyDictionary<WorkerId, IReadOnlyList<LeafRange>>? hedged = null)
    {
        ArgumentNullException.ThrowIfNull(workers);
        ArgumentNullException.ThrowIfNull(held);
        var owner = new int[microBatches];
        Array.Fill(owner, -1);
        Claim(held);
        if (hedged is not null)
            Claim(hedged);
        var missing = Enumerable.Range(0, microBatches).Where(m => owner[m] < 0).ToList();
        if (missing.Count == microBatches)
            return Contiguous(microBatches, workers);
        var fresh = missing.Count == 0 ? null : Contiguous(missing.Count, workers);
        for (var k = 0; fresh is not null && k < workers.Count; k++)
        {
            foreach (var place in fresh.Shares[k].MicroBatches)
                owner[missing[place]] = k;
        }
        return new Deal(microBatches, [.. workers.Select((worker, k) => new WorkerShare(worker.Worker,
            LeafRange.Of(Enumerable.Range(0, microBatches).Where(m => owner[m] == k))))]);

        void Claim(IReadOnlyDictionary<WorkerId, IReadOnlyList<LeafRange>> finished)
        {
            for (var k = 0; k < workers.Count; k++)
            {
                foreach (var m in finished.TryGetValue(workers[k].Worker, out var ranges) ? ranges.SelectMany(r => Enumerable.Range(r.Lo, r.Count)) : [])
                {
                    if (owner[m] < 0)      // of two that hold it the first contributes
                        owner[m] = k;
                }
            }
        }
    }

    // What each worker finishes within the shortest time in which all of them together finish everything.
    static int[] Capacities(int microBatches, IReadOnlyList<WorkerSpeed> workers)
    {
        var times = workers.SelectMany(worker => Enumerable.Range(1, microBatches).Select(n => n / worker.Speed)).Order().ToArray();
        var (below, reached) = (-1, times.Length - 1);
        while (reached - below > 1)
        {
            var mid = (below + reached) / 2;
            if (workers.Sum(worker => (long)Carries(worker, times[mid])) >= microBatches)
                reached = mid;
            else
                below = mid;
        }
        return [.. workers.Select(worker => Math.Min(microBatches, Carries(worker, times[reached])))];
    }

    // The tolerance makes n / speed * speed count as n.
    static int Carries(WorkerSpeed worker, double time) => (int)Math.Min(int.MaxValue, Math.Floor(time * worker.Speed * (1 + 1e-12) + 1e-9));
}
