using System.Numerics.Tensors;
using Orchestrator.Collectives;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Engine;

/// <summary>
/// One process's part in the sum of a job's step: the slots fold their gradients into one tree, the last of them to finish has it exchanged with the other processes, and
/// all of them read the same sum. Finished micro-batches survive a change of the membership as long as nobody else contributes a part of them. What a slot computes in the place
/// of others is kept beside the tree, and comes into it when a deal says so.
/// </summary>
/// <param name="job">the job's name</param>
/// <param name="process">this process, as the deals call it</param>
/// <param name="microBatches">M</param>
/// <param name="parameters">length of the flat vector</param>
/// <param name="exchange">the way to the other processes</param>
/// <param name="audits">whether micro-batches are audited: then nobody contributes what another has computed, since who is gone could not be found any more</param>
sealed class LocalReduction(string job, string process, int microBatches, int parameters, IGradientExchange exchange, bool audits = false) : IDisposable
{
    readonly Lock gate = new();
    readonly CanonicalTree<PartialSum> tree = new(microBatches, Add);
    readonly GradientBuffers buffers = new(parameters);
    readonly SortedDictionary<int, (PartialSum Leaf, LeafDigest By)> hedges = [];
    readonly LeafDigest?[] computed = new LeafDigest?[microBatches];      // by micro-batch in the tree: who computed it
    ReductionRound round = new(Generation.None, Step.Start, 0);
    ExchangeThread? thread;

    /// <summary>When the first piece of the last sum was there, as a timestamp of <see cref="System.Diagnostics.Stopwatch"/>: until then others were waited for.</summary>
    public long SummedFrom { get; private set; }

    /// <summary>A vector for the gradient of a micro-batch; it comes back through <see cref="Add(Generation, Step, PartialSum, LeafDigest)"/>, <see cref="Hedge"/> or <see cref="Return"/>.</summary>
    public PartialSum Rent(int m) => buffers.Rent(m);

    /// <summary>Gives a vector back that was not added.</summary>
    public void Return(PartialSum leaf) => buffers.Return(leaf);

    /// <summary>
    /// Takes part in a generation; the first slot of the process that comes opens the streams to the peers. What was finished of the step in hand stays, as far as
    /// this process's shares still cover it.
    /// </summary>
    /// <returns>whether <paramref name="begin"/> is the newest generation that this process has heard of</returns>
    public bool Enter(Order.Begin begin)
    {
        IExchangeSession? old;
        ReductionRound mine;
        lock (gate)
        {
            if (begin.Generation < round.Generation)
                return false;
            if (begin.Generation == round.Generation)
                return true;
            old = round.Session;
            round.Abandon();
            var shares = begin.First.Shares.Where(share => share.Worker.Silo == process).ToList();
            mine = new ReductionRound(begin.Generation, begin.Base.Next, shares.Count) { IsAlone = begin.Processes.Count == 1 };
            Keep(shares, all: mine.Step == round.Step && round.Generation >= begin.Since);
            round = mine;
        }
        old?.Dispose();      // it may wait for its peers: not under the lock

        var peers = begin.Processes.Select(address => new Peer(address.Process, address.Exchange)).ToList();
        var self = peers.FindIndex(peer => peer.Process == process);
        IExchangeSession joined;
        try
        {
            joined = exchange.Join(new Membership(job, begin.Generation, peers, self, microBatches, parameters));
        }
        catch (Exception fault)
        {
            mine.Fail(fault);      // the other slots of the process must not wait for streams that never come
            throw;
        }
        lock (gate)
        {
            if (round == mine)
            {
                mine.Join(joined);
                return true;
            }
        }
        joined.Dispose();
        return false;
    }

    // What the new deal leaves to this process stays, and what was computed in others' place and is now dealt to whoever computed it comes in.
    void Keep(List<WorkerShare> shares, bool all)
    {
        foreach (var (_, value) in tree.Remove(node => !all || !Enumerable.Range(node.Lo, node.Count).All(m => IsMine(m, computed[m]))))
            buffers.Return(value);
        foreach (var (m, (leaf, by)) in hedges)
        {
            if (all && !tree.Holds(m) && IsMine(m, by))
                Fold(leaf, by);
            else
                buffers.Return(leaf);
        }
        hedges.Clear();

        bool IsMine(int m, LeafDigest? by) => shares.Exists(share => (!audits || share.Worker == by?.Computer) && share.Leaves.Any(range => range.Contains(m)));
    }

    /// <summary>Whether micro-batch <paramref name="m"/> of the step in hand is summed here already.</summary>
    public bool Holds(int m)
    {
        lock (gate)
            return tree.Holds(m);
    }

    /// <summary>Whether a micro-batch of the step in hand has arrived, as far as this process can see.</summary>
    public bool HasArrived(int m)
    {
        lock (gate)
            return tree.Holds(m) || round.Session?.HasArrived(round.Step, m) == true;
    }

    /// <summary>Whether it has arrived, or a slot of this process has computed it in another's place.</summary>
    public bool IsThere(int m)
    {
        lock (gate)
            return hedges.ContainsKey(m) || hedges.Count == Hedging.HeldMax || HasArrived(m);
    }

    /// <summary>Adds a finished micro-batch.</summary>
    /// <returns>whether it counts: not when the generation or the step has passed meanwhile</returns>
    public bool Add(Generation generation, Step step, PartialSum leaf, LeafDigest by)
    {
        lock (gate)
        {
            if (generation == round.Generation && step == round.Step)
            {
                Fold(leaf, by);
                return true;
            }
        }
        buffers.Return(leaf);
        return false;
    }

    /// <summary>Keeps a micro-batch that was dealt to somebody else.</summary>
    /// <returns>whether it is kept</returns>
    public bool Hedge(Generation generation, Step step, PartialSum leaf, LeafDigest by)
    {
        lock (gate)
        {
            if (generation == round.Generation && step == round.Step && !tree.Holds(leaf.Node.Lo) && hedges.Count < Hedging.HeldMax && hedges.TryAdd(leaf.Node.Lo, (leaf, by)))
                return true;
        }
        buffers.Return(leaf);
        return false;
    }

    void Fold(PartialSum leaf, LeafDigest by)
    {
        computed[leaf.Node.Lo] = by;
        tree.Add(leaf.Node, leaf);
        ReturnFolded();
    }

    /// <summary>What is known of micro-batches that this process contributes to a step; null where the generation or the step has passed.</summary>
    public IReadOnlyList<LeafDigest>? DigestsOf(Generation generation, Step step, IEnumerable<int> leaves)
    {
        lock (gate)
            return generation == round.Generation && step == round.Step ? [.. leaves.Where(tree.Holds).Select(m => computed[m]!)] : null;
    }

    /// <summary>
    /// A slot has nothing left to compute of the step. The last slot of this process that comes sets the exchange going. The slot waits on what it gets until the step is summed
    /// over all processes.
    /// </summary>
    /// <exception cref="OperationCanceledException">the generation has passed</exception>
    public ReductionRound Arrive(Generation generation, Step step, StopWish wish)
    {
        ReductionRound mine;
        lock (gate)
        {
            mine = round;
            if (generation != mine.Generation || step != mine.Step)
                throw new OperationCanceledException($"generation {generation} has passed");
            mine.Wish |= wish;
            if (++mine.Arrived < mine.Slots)
                return mine;
            if (!mine.IsAlone)
                thread ??= new ExchangeThread(job, Exchange);
        }
        if (mine.IsAlone)
            Exchange(mine);      // there is nobody to wait for
        else
            thread!.Post(mine);
        return mine;
    }

    void Exchange(ReductionRound mine)
    {
        try
        {
            mine.Joined.Wait(mine.Left);
            IExchangeSession session;
            lock (gate)
            {
                session = Current(mine).Session!;
                for (var lo = 0; lo < microBatches; lo++)
                {
                    if (tree.TryFind(lo, out var node))
                        session.Contribute(mine.Step, node);
                }
            }
            var sum = buffers.Rent(0);
            var reduced = session.Reduce(mine.Step, mine.Wish, sum.Gradient, mine.Left);
            lock (gate)
            {
                SummedFrom = session.SummedFrom;
                round = Current(mine).Next();
                for (var lo = 0; lo < microBatches; lo++)
                {
                    if (tree.TryFind(lo, out var node))
                        buffers.Return(node);
                }
                tree.Clear();
                foreach (var (leaf, _) in hedges.Values)
                    buffers.Return(leaf);
                hedges.Clear();
            }
            mine.Finish(reduced, sum, buffers.Return);
        }
        catch (Exception fault)      // every slot of the process meets it, each on its own thread
        {
            mine.Fail(fault);
        }
    }

    ReductionRound Current(ReductionRound mine) => round == mine && mine.Session is not null ? mine : throw new OperationCanceledException("the generation has passed");

    /// <summary>Takes part in nothing any more.</summary>
    public void Dispose()
    {
        IExchangeSession? old;
        lock (gate)
        {
            old = round.Session;
            round.Abandon();
            round = new ReductionRound(new Generation(long.MaxValue), Step.Start, 0);
        }
        old?.Dispose();
        thread?.Dispose();
    }

    [ThreadStatic]
    static List<PartialSum>? folded;

    // The left side of a sum carries it on; the right side's memory is free again.
    static PartialSum Add(PartialSum left, PartialSum right)
    {
        TensorPrimitives.Add<float>(left.Gradient, right.Gradient, left.Gradient);
        left.LossSum += right.LossSum;
        left.Tokens += right.Tokens;
        left.Node = new TreeNode(left.Node.Lo, right.Node.Hi);
        (folded ??= []).Add(right);
        return left;
    }

    void ReturnFolded()
    {
        if (folded is null)
            return;
        foreach (var right in folded)
            buffers.Return(right);
        folded.Clear();
    }
}
