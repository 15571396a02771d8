namespace Orchestrator.Protocol.Coordination;

/// <summary>What a worker does next.</summary>
public abstract record Turn
{
    Turn()
    {
    }

    /// <summary>Nothing, until an order comes.</summary>
    public sealed record Wait : Turn;

    /// <summary>Load the base, the data and a replica.</summary>
    public sealed record Load : Turn;

    /// <summary>Tell the coordinator what it has.</summary>
    public sealed record Stand(Generation Generation, Standing Standing) : Turn;

    /// <summary>Take the state of a step.</summary>
    public sealed record Obtain(Step Step, StateSource Source) : Turn;

    /// <summary>Forward and backward of one micro-batch.</summary>
    public sealed record Compute(Step Step, int MicroBatch) : Turn;

    /// <summary>Forward and backward of a micro-batch that another worker contributes: only its digest counts.</summary>
    public sealed record Audit(Step Step, int MicroBatch) : Turn;

    /// <summary>Compute a micro-batch of a step that is past, from the state before it if that is still there, and tell its digest.</summary>
    public sealed record Recompute(Step Step, int MicroBatch) : Turn;

    /// <summary>Reduce the step with everybody else. While the sum does not come, the worker may compute what <see cref="Participant.Hedge"/> says.</summary>
    public sealed record Exchange(Step Step, StopWish Wish) : Turn;

    /// <summary>Bring the reduced step into force.</summary>
    public sealed record Commit(Step Step) : Turn;

    /// <summary>Write the checkpoint of the step it stands at.</summary>
    public sealed record Write(Step Step) : Turn;

    /// <summary>Say that it cannot go on in this generation.</summary>
    public sealed record Complain(Generation Generation, string Reason) : Turn;

    /// <summary>Forget everything.</summary>
    public sealed record Leave : Turn;
}

/// <summary>
/// The worker's side of the protocol, without a clock, a thread or a network: orders and what was done go in, <see cref="Next"/> says what to do.
/// One owner; what it says is a function of what it was told, in order.
/// </summary>
/// <param name="me">the worker</param>
/// <param name="audits">which micro-batches are computed twice; null for none</param>
public sealed class Participant(WorkerId me, AuditRule? audits = null)
{
    /// <summary>Steps of whose audits a standing worker tells once more.</summary>
    public const int AuditsToldAgain = 16;

    readonly AuditRule rule = audits ?? AuditRule.None;
    readonly SortedSet<int> done = [];
    readonly SortedSet<int> hedged = [];      // of the step in hand, dealt to others
    readonly HashSet<int> audited = [];       // of the step in hand
    readonly Queue<Turn.Recompute> again = [];
    readonly Queue<JobEvent.Audited> told = [];
    Queue<int> pending = [];
    Queue<int> unaudited = [];
    Order.Begin? begun;
    Order.Halt? early;      // of a generation whose Begin is still on its way
    StopWish wish;
    StopWish agreed;
    Step? writes;
    string? complaint;
    bool invited, loaded, stands, left, entered, reduced;

    /// <summary>Who.</summary>
    public WorkerId Me { get; } = me;

    /// <summary>The newest generation it has heard of.</summary>
    public Generation Generation { get; private set; } = Generation.None;

    /// <summary>The step whose state it holds; null before it holds any.</summary>
    public Step? Committed { get; private set; }

    /// <summary>The generation in which it took part last: that of its state, and of what it has finished.</summary>
    public Generation In { get; private set; } = Generation.None;

    /// <summary>Seconds that it needs for an average micro-batch, to be told when it stands; null until measured.</summary>
    public double? Pace { get; set; }

    /// <summary>The membership it takes part in; null while it stands.</summary>
    public Order.Begin? Membership => begun;

    /// <summary>The step in hand.</summary>
    public Step InHand => (Committed ?? Step.Start).Next;

    /// <summary>What to do now.</summary>
    public Turn Next
    {
        get
        {
            if (left)
                return new Turn.Leave();
            if (reduced)
                return new Turn.Commit(InHand);      // a sum that is complete comes into force, whatever order came meanwhile
            if (complaint is { } reason)
                return new Turn.Complain(Generation, reason);
            if (invited && !loaded)
                return new Turn.Load();
            if (writes is { } step)
                return new Turn.Write(step);
            if (again.TryPeek(out var past))
                return past;
            if (begun is not { } membership)
                return stands && loaded ? new Turn.Stand(Generation, new Standing(Committed, LeafRange.Of(done)) { Hedged = LeafRange.Of(hedged), In = In, Pace = Pace, Audits = [.. told] }) : new Turn.Wait();
            if (!entered)
                return new Turn.Obtain(membership.Base, membership.Source);
            return pending.Count > 0 ? new Turn.Compute(InHand, pending.Peek())
                : unaudited.Count > 0 ? new Turn.Audit(InHand, unaudited.Peek())
                : new Turn.Exchange(InHand, wish);
        }
    }

    /// <summary>
    /// Takes an order. An older generation's is dropped; a repeated one changes nothing. <see cref="Order.Invite"/>, <see cref="Order.Muster"/> and <see cref="Order.Begin"/>
    /// of a newer generation end the part in the older: whatever still runs for it is to be dropped by the caller.
    /// </summary>
    /// <returns>whether it changed anything</returns>
    public bool Take(Order order)
    {
        ArgumentNullException.ThrowIfNull(order);
        if (left || order.Generation < Generation)
            return false;
        switch (order)
        {
            case Order.Invite or Order.Muster when order.Generation > Generation || !invited:
                Enter(order.Generation);
                (invited, stands, begun) = (true, true, null);
                return true;
            case Order.Invite when begun is null && complaint is null:
                return !stands && (stands = true);      // repeated: what it told may have been lost with whoever heard it
            case Order.Begin begin when begin.Generation > Generation:
                Enter(begin.Generation);
                Begin(begin);
                return true;
            case Order.Halt halt when halt.Generation > Generation:
                early = early is { } other && other.Generation == halt.Generation ? halt with { Wish = halt.Wish | other.Wish } : halt;
                return true;
            case Order.Halt halt when begun is not null:
                wish |= halt.Wish;
                return true;
            case Order.Write write when write.Generation == Generation && begun is null && Committed == write.Step:
                writes = write.Step;
                return true;
            case Order.Recompute recompute when loaded && again.All(known => (known.Step, known.MicroBatch) != (recompute.Step, recompute.MicroBatch)):
                again.Enqueue(new Turn.Recompute(recompute.Step, recompute.MicroBatch));
                return true;
            case Order.Release:
                left = true;
                return true;
            default:
                return false;
        }
    }

    /// <summary>
    /// Whether <paramref name="order"/> ends what the worker waits for: only then may a wait be interrupted, since an exchange that was left cannot be entered again.
    /// May be asked from another thread.
    /// </summary>
    public bool IsInterruptedBy(Order order) => order switch
    {
        Order.Invite or Order.Muster or Order.Begin => order.Generation > Generation,
        Order.Release => order.Generation >= Generation,
        _ => false,
    };

    void Enter(Generation generation)
    {
        Generation = generation;
        (wish, agreed, complaint, writes) = (StopWish.None, StopWish.None, null, null);
    }

    void Begin(Order.Begin begin)
    {
        // A sum that is not in force by now never will be: the others were told to go on without it.
        (invited, stands, reduced, begun, entered) = (true, false, false, begin, Committed == begin.Base && In >= begin.Since);
        if (!entered && begin.Source is StateSource.Own)
        {
            complaint = $"was told to have the state of step {begin.Base}, but has {(Committed is { } step ? $"that of step {step}" : "none")}";
            begun = null;
            return;
        }
        if (early is { } halt && halt.Generation == begin.Generation)
            wish = halt.Wish;
        early = null;
        if (entered)
        {
            In = begin.Generation;
            done.UnionWith(hedged);
        }
        else
            Forget();
        hedged.Clear();
        Deal();
    }

    void Forget()
    {
        done.Clear();
        hedged.Clear();
        audited.Clear();
    }

    // What the deal gives of the step in hand, less what is finished already.
    void Deal()
    {
        var step = entered ? InHand : begun!.Base.Next;
        var deal = begun!.DealOf(step);
        var share = deal.Of(Me).MicroBatches.ToList();
        done.IntersectWith(share);
        pending = new Queue<int>(share.Where(m => !done.Contains(m)));
        unaudited = new Queue<int>(rule.Of(deal, step, Me).Where(m => !audited.Contains(m)));
    }

    /// <summary>Base, data and replica are there.</summary>
    public void Loaded() => loaded = true;

    /// <summary>The coordinator was told what it has.</summary>
    public void Told() => (stands, complaint) = (false, null);

    /// <summary>The checkpoint was written, or could not be.</summary>
    public void Wrote() => writes = null;

    /// <summary>The state of <paramref name="step"/> is in force.</summary>
    public void Obtained(Step step)
    {
        Committed = step;
        if (begun?.Base == step)
        {
            (entered, In) = (true, begun.Generation);
            Deal();
        }
    }

    /// <summary>The process forgot a finished micro-batch: it was part of a sum with one that somebody else contributes now.</summary>
    public void Forgot(int m)
    {
        if (done.Remove(m) && begun is not null)
            Deal();
    }

    /// <summary>
    /// A micro-batch of the step in hand is finished. Also said, after <see cref="Order.Begin"/> was taken, of what this worker's process has summed already, whoever
    /// of its workers computed it, and even where the state is yet to be obtained: the next micro-batches would be those of the same step, from the same state.
    /// </summary>
    public void Computed(int m)
    {
        done.Add(m);
        if (pending.TryPeek(out var first) && first == m)
            pending.Dequeue();
        else if (pending.Contains(m))
            pending = new Queue<int>(pending.Where(other => other != m));
    }

    /// <summary>What to compute while the sum does not come, for others of whose work something is missing; null for nothing.</summary>
    /// <param name="isThere">whether a micro-batch has arrived, or is held by this process</param>
    public int? Hedge(Func<int, bool> isThere)
        => begun is { } membership && entered && pending.Count == 0 ? Hedging.Next(membership.DealOf(InHand), Me, m => hedged.Contains(m) || isThere(m)) : null;

    /// <summary>A micro-batch of somebody else's is finished, and kept beside the sum: should the sum not come, it is among what the worker holds.</summary>
    public void Hedged(int m) => hedged.Add(m);

    /// <summary>A micro-batch is audited.</summary>
    public void Audited(int m)
    {
        audited.Add(m);
        if (unaudited.TryPeek(out var first) && first == m)
            unaudited.Dequeue();
    }

    /// <summary>What was told of a step's audited micro-batches; it is told once more when the worker stands.</summary>
    public void Told(JobEvent.Audited what)
    {
        told.Enqueue(what);
        if (told.Count > AuditsToldAgain)
            told.Dequeue();
    }

    /// <summary>The oldest order to compute something again is done.</summary>
    public void Recomputed() => again.Dequeue();

    /// <summary>The step in hand is summed over everybody.</summary>
    /// <param name="all">everybody's wishes</param>
    public void Reduced(StopWish all) => (reduced, agreed) = (true, all);

    /// <summary>The step in hand is in force; the next one is in hand, or it stands.</summary>
    /// <exception cref="BrokenInvariantException">no sum of the step in hand is there</exception>
    public void Commit()
    {
        if (!reduced)
            throw new BrokenInvariantException(2, $"step {InHand} was to come into force without its sum");
        Committed = InHand;
        reduced = false;
        Forget();
        if (begun is not null && (agreed != StopWish.None || Committed >= begun.Through))
            (begun, stands) = (null, true);
        else if (begun is not null)
            Deal();
    }

    /// <summary>It cannot go on in this generation: the state could not be obtained.</summary>
    public void CannotGoOn(string reason) => (complaint, begun) = (reason, null);

    /// <summary>Takes no part in this generation any more, and has told why, or need not; waits for the next.</summary>
    public void Withdraw() => (begun, reduced) = (null, false);
}
