namespace Orchestrator.Protocol.Coordination;

/// <summary>What a worker says a micro-batch's digest is; null where it could not compute it.</summary>
public sealed record Statement(WorkerId Worker, string? Digest);

/// <summary>A micro-batch of which statements have come in.</summary>
/// <param name="Step">its step</param>
/// <param name="MicroBatch">which</param>
/// <param name="Statements">in the order in which they came; a worker that was asked again has two</param>
public sealed record AuditedLeaf(Step Step, int MicroBatch, IReadOnlyList<Statement> Statements)
{
    /// <summary>The worker that was asked to compute it once more and has not answered yet.</summary>
    public WorkerId? Asked { get; init; }

    /// <summary>Until when its answer is waited for.</summary>
    public DateTimeOffset? AskedUntil { get; init; }

    /// <summary>Whether two of the statements differ.</summary>
    public bool IsDisputed => Statements.Where(statement => statement.Digest is not null).Select(statement => statement.Digest).Distinct().Skip(1).Any();

    /// <summary>Whether two workers say the same, and nobody says otherwise.</summary>
    public bool IsAgreed => !IsDisputed && Statements.Where(statement => statement.Digest is not null).Select(statement => statement.Worker).Distinct().Skip(1).Any();
}

/// <summary>
/// The digests that workers told of audited micro-batches, until they are compared. A micro-batch is proven when two workers computed the same bits; one of which they say
/// different things is settled by <see cref="Verdict"/>.
/// </summary>
public sealed record AuditBook
{
    /// <summary>Steps that a statement without its counterpart is kept for: the other side died before it told.</summary>
    public const int KeptSteps = 64;

    /// <summary>Nothing is known.</summary>
    public static readonly AuditBook Empty = new();

    /// <summary>Every micro-batch of every step up to this one is proven.</summary>
    public Step Proven { get; init; } = Step.Start;

    /// <summary>What is not settled yet, by step and micro-batch.</summary>
    public IReadOnlyList<AuditedLeaf> Open { get; init; } = [];

    /// <summary>The first micro-batch of which different things are said; null if nobody contradicts anybody.</summary>
    public AuditedLeaf? Dispute => Open.FirstOrDefault(leaf => leaf.IsDisputed);

    /// <summary>Takes what a worker told of a step. The same again changes nothing.</summary>
    /// <param name="audited">what it told</param>
    /// <param name="microBatches">M</param>
    /// <param name="committed">the highest step in force: statements far behind it are given up</param>
    public AuditBook With(JobEvent.Audited audited, int microBatches, Step committed)
    {
        ArgumentNullException.ThrowIfNull(audited);
        if (audited.Step <= Proven)
            return this;
        var open = Open.ToDictionary(leaf => (leaf.Step, leaf.MicroBatch));
        var changed = false;
        foreach (var told in audited.Leaves)
        {
            var leaf = open.GetValueOrDefault((audited.Step, told.MicroBatch)) ?? new AuditedLeaf(audited.Step, told.MicroBatch, []);
            var answers = leaf.Asked == told.Computer && told.Computer == audited.Worker;
            if (!answers && leaf.Statements.Contains(new Statement(told.Computer, told.Digest)))
                continue;
            open[(leaf.Step, leaf.MicroBatch)] = leaf with
            {
                Statements = [.. leaf.Statements, new Statement(told.Computer, told.Digest)],
                Asked = answers ? null : leaf.Asked,
                AskedUntil = answers ? null : leaf.AskedUntil,
            };
            changed = true;
        }
        return changed ? Settled(open.Values, microBatches, committed) : this;
    }

    AuditBook Settled(IEnumerable<AuditedLeaf> leaves, int microBatches, Step committed)
    {
        var proven = Proven;
        var open = leaves.OrderBy(leaf => leaf.Step).ThenBy(leaf => leaf.MicroBatch).ToList();
        while (open.Count(leaf => leaf.Step == proven.Next && leaf.IsAgreed) == microBatches)
            proven = proven.Next;
        open.RemoveAll(leaf => !leaf.IsDisputed && (leaf.Step <= proven || leaf.Step.Number < committed.Number - KeptSteps));
        return this with { Proven = proven, Open = open };
    }

    /// <summary>The book with a micro-batch's entry in the place of the one before.</summary>
    public AuditBook With(AuditedLeaf leaf) => this with { Open = [.. Open.Select(known => known.Step == leaf.Step && known.MicroBatch == leaf.MicroBatch ? leaf : known)] };

    /// <summary>The book of a job that goes on from a step: what is behind the step is forgotten.</summary>
    public AuditBook Until(Step step) => Proven <= step && Open.Count == 0 ? this
        : this with { Proven = Proven < step ? Proven : step, Open = [.. Open.Where(leaf => leaf.Step <= step && !leaf.IsDisputed)] };
}
