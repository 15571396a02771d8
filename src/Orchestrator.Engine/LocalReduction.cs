using System.Numerics.Tensors;
using Orchestrator.Collectives;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Engine;

/// <summary>
/// One process's part in the sum of a job's step: the slots fold their gradients into one tree, the last of them to finish exchanges it with the other processes, and
/// all of them read the same sum. Finished micro-batches survive a change of the membership as long as nobody else contributes a part of them.
/// </summary>
/// <param name="job">the job's name</param>
/// <param name="process">this process, as the deals call it</param>
/// <param name="microBatches">M</param>
/// <param name="parameters">length of the flat vector</param>
/// <param name="exchange">the way to the other processes</param>
sealed class LocalReduction(string job, string process, int microBatches, int parameters, IGradientExchange exchange) : IDisposable
{
    readonly Lock gate = new();
    readonly CanonicalTree<PartialSum> tree = new(microBatches, Add);
    readonly GradientBuffers buffers = new(parameters);
    readonly float[] sum = GC.AllocateUninitializedArray<float>(parameters, pinned: true);
    Round round = new(Generation.None, Step.Start, 0);

    /// <summary>The sum of the step that <see cref="Reduce"/> returned last. It stays as it is until every slot of this process asks for the next.</summary>
    public ReadOnlySpan<float> Sum => sum;

    /// <summary>When the first piece of <see cref="Sum"/> was there, as a timestamp of <see cref="System.Diagnostics.Stopwatch"/>: until then others were waited for.</summary>
    public long SummedFrom { get; private set; }

    /// <summary>A vector for the gradient of a micro-batch; it comes back through <see cref="Add(Generation, Step, PartialSum)"/> or <see cref="Return"/>.</summary>
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
        Round mine;
        lock (gate)
        {
            if (begin.Generation < round.Generation)
                return false;
            if (begin.Generation == round.Generation)
                return true;
            old = round.Session;
            round.Abandon();
            var shares = begin.First.Shares.Where(share => share.Worker.Silo == process).ToList();
            mine = new Round(begin.Generation, begin.Base.Next, shares.Count);
            Drop(node => mine.Step != round.Step || !Enumerable.Range(node.Lo, node.Count).All(m => shares.Any(share => share.Leaves.Any(range => range.Contains(m)))));
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

    /// <summary>Whether micro-batch <paramref name="m"/> of the step in hand is summed here already.</summary>
    public bool Holds(int m)
    {
        lock (gate)
            return tree.Holds(m);
    }

    /// <summary>Adds a finished micro-batch.</summary>
    /// <returns>whether it counts: not when the generation or the step has passed meanwhile</returns>
    public bool Add(Generation generation, Step step, PartialSum leaf)
    {
        lock (gate)
        {
            if (generation == round.Generation && step == round.Step)
            {
                tree.Add(leaf.Node, leaf);
                ReturnFolded();
                return true;
            }
        }
        buffers.Return(leaf);
        return false;
    }

    /// <summary>
    /// Waits until the step is summed over all processes; the last slot of this process that comes does the exchange. Afterwards <see cref="Sum"/> is the gradient.
    /// </summary>
    /// <exception cref="PeerLostException">a process is gone</exception>
    /// <exception cref="OperationCanceledException">the generation has passed, or <paramref name="stop"/> was cancelled</exception>
    public ReducedStep Reduce(Generation generation, Step step, StopWish wish, CancellationToken stop)
    {
        Round mine;
        bool last;
        lock (gate)
        {
            mine = round;
            if (generation != mine.Generation || step != mine.Step)
                throw new OperationCanceledException($"generation {generation} has passed");
            mine.Wish |= wish;
            last = ++mine.Arrived == mine.Slots;
        }
        if (last)
            Exchange(mine, stop);
        mine.Done.Wait(stop);
        return mine.Outcome();
    }

    void Exchange(Round mine, CancellationToken stop)
    {
        try
        {
            mine.Joined.Wait(stop);
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
            var reduced = session.Reduce(mine.Step, mine.Wish, sum, stop);
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
            }
            mine.Finish(reduced);
        }
        catch (Exception fault)      // every slot of the process meets it, each on its own thread
        {
            mine.Fail(fault);
        }
    }

    Round Current(Round mine) => round == mine && mine.Session is not null ? mine : throw new OperationCanceledException("the generation has passed");

    void Drop(Func<TreeNode, bool> goes)
    {
        foreach (var (_, value) in tree.Remove(goes))
            buffers.Return(value);
    }

    /// <summary>Takes part in nothing any more.</summary>
    public void Dispose()
    {
        IExchangeSession? old;
        lock (gate)
        {
            old = round.Session;
            round.Abandon();
            round = new Round(new Generation(long.MaxValue), Step.Start, 0);
        }
        old?.Dispose();
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

    /// <summary>One step of one generation, seen by the slots of this process.</summary>
    sealed class Round(Generation generation, Step step, int slots)
    {
        ReducedStep reduced;
        Exception? fault;

        public Generation Generation { get; } = generation;
        public Step Step { get; } = step;
        public int Slots { get; } = slots;
        public int Arrived { get; set; }
        public StopWish Wish { get; set; }
        public IExchangeSession? Session { get; private set; }
        public ManualResetEventSlim Joined { get; } = new();
        public ManualResetEventSlim Done { get; } = new();

        public void Join(IExchangeSession joined)
        {
            Session = joined;
            Joined.Set();
        }

        /// <summary>The step after this one, of the same generation.</summary>
        public Round Next()
        {
            var next = new Round(Generation, Step.Next, Slots);
            next.Join(Session!);
            return next;
        }

        public void Finish(ReducedStep outcome)
        {
            reduced = outcome;
            Done.Set();
        }

        public void Fail(Exception why)
        {
            fault ??= why;
            Joined.Set();
            Done.Set();
        }

        public void Abandon()
        {
            fault ??= new OperationCanceledException($"generation {Generation} has passed");
            Joined.Set();
            Done.Set();
        }

        public ReducedStep Outcome() => fault switch
        {
            null => reduced,
            PeerLostException lost => throw new PeerLostException(lost.Process, lost.Reason),
            OperationCanceledException => throw new OperationCanceledException($"generation {Generation} has passed"),
            BrokenInvariantException broken => throw broken,
            _ => throw new InvalidOperationException(fault.Message, fault),
        };
    }
}
