using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Simulation;

/// <summary>
/// A process: slots with a worker each, and its part in the sum of a step, in which all of them fold into one tree. It dies, hangs and comes back; what it knew is
/// gone then, its name stays.
/// </summary>
sealed class SimProcess(Cluster cluster, string name, int slots)
{
    readonly SortedDictionary<int, SimWorker> workers = [];
    readonly Dictionary<Generation, List<(string From, Frame Frame)>> early = [];
    readonly Dictionary<(Generation, Step), (ulong State, IReadOnlyList<Line> Lines)> served = [];
    readonly List<SimWorker> arrived = [];
    readonly SortedDictionary<int, (WorkerId By, Value[] Gradient)> hedges = [];
    readonly Dictionary<int, LeafDigest> leaves = [];      // of the step in hand, by whom they were computed
    readonly Dictionary<int, (int Factor, long Until)> slow = [];
    readonly Dictionary<int, long> hangs = [];
    readonly Dictionary<int, long> hangsNext = [];
    CanonicalTree<Value[]> tree = new(cluster.Plan.MicroBatches, Arithmetic.Add);
    Session? session;
    Generation generation = Generation.None;
    Step step = Step.Start;
    int sharers;
    int incarnation;

    public string Name => name;
    public int Slots => slots;
    public bool IsUp { get; private set; } = true;
    public long HungUntil { get; private set; }
    public long CutUntil { get; set; }
    public long LacksMemoryUntil { get; set; }
    public Uri Address => new($"http://{name}:{incarnation}");

    public (int Slot, double Often)? MiscomputesOften { get; set; }

    /// <summary>The wishes of its own slots for the step in hand.</summary>
    public StopWish OwnWish { get; private set; }

    /// <summary>The sum of the last step that was reduced here.</summary>
    public Value[] Sum { get; private set; } = [];

    /// <summary>Whether it has taken part in this generation.</summary>
    public bool Heard(Generation of) => generation >= of;

    /// <summary>Does something after a while, if it still lives then; what comes while it hangs waits.</summary>
    public void After(long microseconds, Action what)
    {
        var mine = incarnation;
        cluster.World.After(microseconds, Do);

        void Do()
        {
            if (!IsUp || incarnation != mine)
                return;
            if (HungUntil > cluster.World.Now)
                cluster.World.After(HungUntil - cluster.World.Now + cluster.World.Chance.Between(0, 1_000), Do);
            else
                what();
        }
    }

    /// <summary>Dies, and comes back after a while with nothing.</summary>
    public void Crash(long backAfter)
    {
        if (!IsUp)
            return;
        cluster.World.Say($"{name} dies");
        IsUp = false;
        incarnation++;
        workers.Clear();
        early.Clear();
        served.Clear();
        arrived.Clear();
        hedges.Clear();
        leaves.Clear();
        slow.Clear();
        hangs.Clear();
        hangsNext.Clear();
        tree = new CanonicalTree<Value[]>(cluster.Plan.MicroBatches, Arithmetic.Add);
        (session, generation, step, HungUntil, CutUntil) = (null, Generation.None, Step.Start, 0, 0);
        cluster.Died(this);
        cluster.World.After(backAfter, () =>
        {
            cluster.World.Say($"{name} is back");
            IsUp = true;
        });
    }

    /// <summary>Does nothing for a while, and then goes on as if nothing had been.</summary>
    public void Hang(long until)
    {
        if (!IsUp || HungUntil > cluster.World.Now)
            return;
        cluster.World.Say($"{name} hangs until {until / 1e6:0.0}");
        HungUntil = until;
    }

    /// <summary>One of its slots needs a multiple of the time for a while.</summary>
    public void SlowDown(int slot, int factor, long until)
    {
        cluster.World.Say($"{name}/{slot} is {factor} times slower until {until / 1e6:0.0}");
        slow[slot] = (factor, until);
    }

    /// <summary>How much slower than usual a slot is.</summary>
    public int SlownessOf(int slot) => slow.TryGetValue(slot, out var how) && how.Until > cluster.World.Now ? how.Factor : 1;

    /// <summary>One of its slots does nothing for a while; the others go on, and one of them looks after it.</summary>
    public void HangSlot(int slot, long until)
    {
        if (!IsUp)
            return;
        cluster.World.Say($"{name}/{slot} hangs until {until / 1e6:0.0}");
        hangs[slot] = until;
        var heard = Generation.None;
        Look();
        After(until - cluster.World.Now + 1, () => workers.GetValueOrDefault(slot)?.Wake());

        void Look() => After(250_000, () =>
        {
            if (HangsUntil(slot) == 0 || !workers.TryGetValue(slot, out var worker))
                return;
            if (worker.HangsIn is { } newest && newest > heard)
                worker.TellThatItHangs(heard = newest);
            Look();
        });
    }

    /// <summary>A slot is to hang for so long when it computes next.</summary>
    public void HangSlotInMicroBatch(int slot, long microseconds) => hangsNext[slot] = microseconds;

    /// <summary>A slot begins a micro-batch.</summary>
    public void StrikeWhileItComputes(int slot)
    {
        if (hangsNext.Remove(slot, out var microseconds))
            HangSlot(slot, cluster.World.Now + microseconds);
    }

    /// <summary>Until when a slot hangs; 0 if it does not.</summary>
    public long HangsUntil(int slot) => hangs.TryGetValue(slot, out var until) && until > cluster.World.Now ? until : 0;

    /// <summary>Whether what a slot computes now is wrong.</summary>
    public bool Miscomputes(int slot) => !cluster.IsHealed && MiscomputesOften is { } wrong && wrong.Slot == slot && cluster.World.Chance.Happens(wrong.Often);

    /// <summary>The thread of one of its slots ends with a fault.</summary>
    public void Fail(int slot)
    {
        if (IsUp && workers.TryGetValue(slot, out var worker))
            worker.Fail();
    }

    /// <summary>An order for one of its slots. A worker that is not there is made, unless it would only be told to go.</summary>
    public void Take(WorkerId worker, Order order)
    {
        if (!workers.TryGetValue(worker.Slot, out var there))
        {
            if (order is Order.Release or Order.Halt or Order.Write or Order.Recompute)
                return;
            workers.Add(worker.Slot, there = new SimWorker(cluster, this, worker));
        }
        there.Post(order);
    }

    /// <summary>A worker has left the job.</summary>
    public void Left(SimWorker worker)
    {
        if (workers.GetValueOrDefault(worker.Me.Slot) == worker)
            workers.Remove(worker.Me.Slot);
    }

    /// <summary>The process takes part in a generation, once the first of its workers does. What was finished of the step in hand stays where its shares still cover it.</summary>
    public void Enter(Order.Begin begin)
    {
        if (begin.Generation <= generation)
            return;
        session?.Close();
        var shares = begin.First.Shares.Where(share => share.Worker.Silo == name).ToList();
        if (generation < begin.Since)
        {
            tree.Clear();
            hedges.Clear();
        }
        if (begin.Base.Next != step)
        {
            if (cluster.Mutant != Mutant.HedgesOutliveTheirStep)
                hedges.Clear();
            if (cluster.Mutant != Mutant.StaleGradient)
                tree.Clear();
        }
        else
        {
            tree.Remove(node => !Enumerable.Range(node.Lo, node.Count).All(m => leaves.TryGetValue(m, out var leaf) && IsMine(m, leaf.Computer)));
        }
        foreach (var (m, hedge) in hedges.Where(hedge => IsMine(hedge.Key, hedge.Value.By) && !tree.Holds(hedge.Key)))
            Keep(hedge.By, m, hedge.Gradient);
        hedges.Clear();
        foreach (var gone in leaves.Keys.Where(m => !tree.Holds(m)).ToList())
            leaves.Remove(gone);
        (generation, step, sharers, OwnWish) = (begin.Generation, begin.Base.Next, shares.Count, StopWish.None);
        arrived.Clear();
        session = new Session(cluster, this, begin);
        session.Open();
        foreach (var old in early.Keys.Where(key => key < generation).ToList())
            early.Remove(old);
        if (early.Remove(generation, out var frames))
        {
            foreach (var (from, frame) in frames)
                session.Receive(from, frame);
        }

        // Where it is audited, nobody contributes what another has computed: who is lost could not be found any more. And alone, a worker could not be found either.
        bool IsMine(int m, WorkerId computer) => shares.Any(share => (share.Worker == computer || !cluster.Audits.IsOn) && share.Leaves.Any(range => range.Contains(m)))
            && (cluster.Schedule.Miscomputes is null || begin.First.Shares.Count > 1);
    }

    void Keep(WorkerId by, int m, Value[] gradient)
    {
        leaves[m] = new LeafDigest(m, by, Arithmetic.Digest(gradient));
        tree.Add(TreeNode.Leaf(m), gradient);
    }

    /// <summary>Whether a micro-batch of the step in hand is summed here.</summary>
    public bool Holds(int m) => tree.Holds(m);

    /// <summary>Whether a micro-batch of the step in hand has arrived, as far as this process can see.</summary>
    public bool HasArrived(int m) => tree.Holds(m) || session?.HasArrived(step, m) != false;

    /// <summary>Whether it has arrived, or was computed here in its worker's place.</summary>
    public bool IsThere(int m) => hedges.ContainsKey(m) || HasArrived(m);

    /// <summary>What is known of the micro-batches of a step that this process contributes; null where the generation or the step has passed.</summary>
    public IReadOnlyDictionary<int, LeafDigest>? DigestsOf(Generation of, Step at) => of == generation && at == step ? leaves : null;

    /// <summary>Adds a finished micro-batch; it does not count where the generation or the step has passed.</summary>
    public bool Add(WorkerId by, Generation of, Step at, int m, Value[] gradient)
    {
        if ((of != generation || at != step) && !(cluster.Mutant == Mutant.WakesUnfenced && !tree.Holds(m)))
            return false;
        Keep(by, m, gradient);
        return true;
    }

    /// <summary>Keeps a micro-batch that was computed for somebody else, beside the sum.</summary>
    public bool Hedge(WorkerId by, Generation of, Step at, int m, Value[] gradient)
    {
        if (of != generation || at != step || hedges.Count == Hedging.HeldMax)
            return false;
        if (cluster.Mutant == Mutant.HedgesAddedAtOnce && !tree.Holds(m))
            Keep(by, m, gradient);
        return hedges.TryAdd(m, (by, gradient));
    }

    /// <summary>A worker has nothing left to compute of the step. The last of the process starts the exchange.</summary>
    public bool Arrive(SimWorker worker, Generation of, Step at, StopWish wish)
    {
        if (of != generation || at != step)
            return false;
        OwnWish |= wish;
        arrived.Add(worker);
        if (arrived.Count == sharers)
            session!.Reduce(step, tree.Finished, OwnWish);
        return true;
    }

    /// <summary>The step is summed.</summary>
    public void SumArrived(Generation of, Step at, Value[] sum, StopWish wish)
    {
        Sum = sum;
        tree.Clear();
        leaves.Clear();
        if (cluster.Mutant != Mutant.HedgesOutliveTheirStep)
            hedges.Clear();
        step = at.Next;
        OwnWish = StopWish.None;
        var all = arrived.ToList();
        arrived.Clear();
        foreach (var worker in all)
            worker.SumArrived(of, sum, wish);
    }

    /// <summary>The step cannot be summed in this generation.</summary>
    public void SumFailed(Generation of, string lost)
    {
        foreach (var worker in arrived.ToList())
            worker.SumFailed(of, lost);
    }

    /// <summary>A peer's stream broke.</summary>
    public void Lose(string process) => session?.Lose(process);

    /// <summary>Keeps the state of a generation's base for those who copy it.</summary>
    public void Serve(Generation of, Step at, ulong state, IReadOnlyList<Line> lines) => served[(of, at)] = (state, lines);

    /// <summary>The state that a peer asks for, if it is here by now.</summary>
    public (ulong State, IReadOnlyList<Line> Lines)? Served(Generation of, Step at) => served.TryGetValue((of, at), out var found) ? found : null;

    /// <summary>Takes a frame. Older generations' are dropped, a newer one's wait for it.</summary>
    public void Receive(string from, Frame frame)
    {
        if (session is not null && (frame.Generation == session.Generation || (cluster.Mutant == Mutant.NoFencing && frame.Generation < session.Generation)))
        {
            session.Receive(from, frame);
        }
        else if (frame.Generation > generation)
        {
            if (!early.TryGetValue(frame.Generation, out var frames))
                early.Add(frame.Generation, frames = []);
            frames.Add((from, frame));
        }
    }

    /// <summary>The ledger is written up to this step.</summary>
    public void Acknowledge(int slot, long written)
    {
        if (workers.TryGetValue(slot, out var worker))
            worker.Acknowledge(written);
    }
}
