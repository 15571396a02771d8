namespace Orchestrator.Protocol.Coordination;

/// <summary>The micro-batches <paramref name="Lo"/> to <paramref name="Hi"/> - 1 of a step.</summary>
public readonly record struct LeafRange(int Lo, int Hi)
{
    /// <summary>How many.</summary>
    public int Count => Hi - Lo;

    /// <summary>Whether <paramref name="m"/> is one of them.</summary>
    public bool Contains(int m) => Lo <= m && m < Hi;

    /// <inheritdoc/>
    public override string ToString() => Count == 1 ? $"{Lo}" : $"{Lo}-{Hi - 1}";

    /// <summary>The ranges that hold exactly <paramref name="leaves"/>, which come in ascending order.</summary>
    public static IReadOnlyList<LeafRange> Of(IEnumerable<int> leaves)
    {
        var ranges = new List<LeafRange>();
        foreach (var m in leaves)
        {
            if (ranges.Count > 0 && ranges[^1].Hi == m)
                ranges[^1] = ranges[^1] with { Hi = m + 1 };
            else
                ranges.Add(new LeafRange(m, m + 1));
        }
        return ranges;
    }
}

/// <summary>What one worker computes of a step.</summary>
/// <param name="Worker">who</param>
/// <param name="Leaves">which micro-batches, ascending; none for a worker that idles</param>
public sealed record WorkerShare(WorkerId Worker, IReadOnlyList<LeafRange> Leaves)
{
    /// <summary>The micro-batches one by one, ascending.</summary>
    public IEnumerable<int> MicroBatches => Leaves.SelectMany(range => Enumerable.Range(range.Lo, range.Count));

    /// <summary>How many.</summary>
    public int Count => Leaves.Sum(range => range.Count);

    /// <inheritdoc/>
    public override string ToString() => $"{Worker} {{{string.Join(' ', Leaves)}}}";
}

/// <summary>Which worker computes which micro-batches of a step. Deals change freely; results don't.</summary>
/// <param name="MicroBatches">M</param>
/// <param name="Shares">every member of the generation, in the order of their ids; together each micro-batch exactly once</param>
public sealed record Deal(int MicroBatches, IReadOnlyList<WorkerShare> Shares)
{
    /// <summary>What <paramref name="worker"/> computes; nothing for a stranger.</summary>
    public WorkerShare Of(WorkerId worker) => Shares.FirstOrDefault(share => share.Worker == worker) ?? new WorkerShare(worker, []);

    /// <summary>The member that writes down what all members have: the first.</summary>
    public WorkerId Recorder => Shares[0].Worker;

    /// <inheritdoc/>
    public override string ToString() => string.Join(' ', Shares);
}
