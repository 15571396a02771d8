using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Simulation;

/// <summary>What processes of a generation send each other.</summary>
/// <param name="Generation">whose</param>
/// <param name="Step">which step it is about</param>
abstract record Frame(Generation Generation, long Step)
{
    /// <summary>A slice of a finished subtree, to the slice's owner.</summary>
    public sealed record Scatter(Generation Generation, long Step, TreeNode Node, int Slice, Value[] Values) : Frame(Generation, Step);

    /// <summary>The process has everything it contributes; its stop wish goes to the owner of the first slice.</summary>
    public sealed record Ready(Generation Generation, long Step, StopWish Wish) : Frame(Generation, Step);

    /// <summary>A finished slice, from its owner to all.</summary>
    public sealed record Gather(Generation Generation, long Step, int Slice, Value[] Values, StopWish Wish) : Frame(Generation, Step);

    /// <summary>Takes part in no step after this one.</summary>
    public sealed record Leave(Generation Generation, long Step) : Frame(Generation, Step);
}

/// <summary>The exchange of one generation, as one of its processes takes part in it.</summary>
sealed class Session(Cluster cluster, SimProcess me, Order.Begin begin)
{
    readonly List<string> processes = [.. begin.Processes.Select(address => address.Process)];
    readonly Slices slices = new(Arithmetic.Elements, begin.Processes.Count);
    readonly Dictionary<long, Sums> sums = [];
    readonly Dictionary<string, long> leftAfter = [];
    readonly Dictionary<string, long> silentSince = [];
    long reducedThrough = begin.Base.Number;
    long? waitsFor;
    string? lost;
    bool closed;

    public Generation Generation => begin.Generation;

    /// <summary>Watches the peers from now on.</summary>
    public void Open() => cluster.World.After(500_000, Watch);

    /// <summary>Sends what is finished here of a step, and waits for the rest.</summary>
    public void Reduce(Step step, IEnumerable<(TreeNode Node, Value[] Values)> nodes, StopWish wish)
    {
        waitsFor = step.Number;
        foreach (var (node, values) in nodes.ToList())
        {
            for (var slice = 0; slice < slices.Count; slice++)
            {
                var (offset, length) = slices.Of(slice);
                Send(processes[slices.OwnerOf(slice)], new Frame.Scatter(Generation, step.Number, node, slice, values[offset..(offset + length)]));
            }
        }
        Send(processes[slices.OwnerOf(0)], new Frame.Ready(Generation, step.Number, wish));
        Look();
    }

    /// <summary>Whether a micro-batch of a step has arrived, as far as this process can see: it sees the slices that it owns. Where it owns none nothing seems to be missing.</summary>
    public bool HasArrived(Step step, int m)
    {
        var self = processes.IndexOf(me.Name);
        return Enumerable.Range(0, slices.Count).Where(slice => slices.OwnerOf(slice) == self).All(slice => SumsOf(step.Number).Trees[slice].Sum.Holds(m));
    }

    /// <summary>Takes a frame; late ones change nothing.</summary>
    public void Receive(string from, Frame frame)
    {
        if (closed || (frame is not Frame.Leave && frame.Step <= reducedThrough))
            return;
        switch (frame)
        {
            case Frame.Leave leave:
                leftAfter[from] = leave.Step;
                break;
            case Frame.Ready ready:
                SumsOf(ready.Step).Wishes[from] = ready.Wish;
                Finish(ready.Step, 0);
                break;
            case Frame.Scatter scatter:
                Fold(scatter);
                break;
            case Frame.Gather gather:
                SumsOf(gather.Step).Gathered[gather.Slice] = gather;
                break;
        }
        Look();
    }

    /// <summary>A peer's stream broke.</summary>
    public void Lose(string process)
    {
        if (closed || lost is not null || process == me.Name || !processes.Contains(process))
            return;
        lost = process;
        Look();
    }

    /// <summary>Takes part no more, and says so.</summary>
    public void Close()
    {
        closed = true;
        foreach (var peer in processes.Where(peer => peer != me.Name))
            cluster.Send(me, peer, new Frame.Leave(Generation, reducedThrough));
    }

    void Fold(Frame.Scatter scatter)
    {
        if (slices.OwnerOf(scatter.Slice) != processes.IndexOf(me.Name))
            return;
        var tree = SumsOf(scatter.Step).Trees[scatter.Slice];
        if (cluster.Mutant == Mutant.AddsInOrderOfArrival)
            tree.Values = tree.Values.Length == 0 ? scatter.Values : Arithmetic.Add(tree.Values, scatter.Values);
        if (Enumerable.Range(scatter.Node.Lo, scatter.Node.Count).All(tree.Sum.Holds))
            return;      // sent again
        tree.Sum.Add(scatter.Node, scatter.Values);
        Finish(scatter.Step, scatter.Slice);
    }

    void Finish(long step, int slice)
    {
        var at = SumsOf(step);
        if (at.Sent[slice] || !at.Trees[slice].Sum.IsComplete || (slice == 0 && at.Wishes.Count < processes.Count))
            return;
        at.Sent[slice] = true;
        var values = cluster.Mutant == Mutant.AddsInOrderOfArrival ? at.Trees[slice].Values : at.Trees[slice].Sum.Sum;
        var gather = new Frame.Gather(Generation, step, slice, values, at.Wishes.Values.Aggregate(StopWish.None, (all, wish) => all | wish));
        foreach (var peer in processes)
            Send(peer, gather);
    }

    // Is the step that this process waits for complete, or can it never be?
    void Look()
    {
        if (waitsFor is not { } step || closed)
            return;
        var gathered = SumsOf(step).Gathered;
        if (gathered.Count == slices.Count || (cluster.Mutant == Mutant.CommitsBeforeAllSlices && gathered.ContainsKey(0)))
        {
            var sum = new Value[Arithmetic.Elements];
            foreach (var (slice, gather) in gathered)
                gather.Values.CopyTo(sum, slices.Of(slice).Offset);
            var wish = cluster.Mutant == Mutant.WishesNotShared ? me.OwnWish : gathered[0].Wish;
            sums.Remove(step);
            (reducedThrough, waitsFor) = (step, null);
            me.SumArrived(Generation, new Step(step), sum, wish);
        }
        else if ((lost ?? leftAfter.Where(left => left.Value < step).Select(left => left.Key).FirstOrDefault()) is { } missing)
        {
            waitsFor = null;
            me.SumFailed(Generation, missing);
        }
    }

    // Beats: a peer that hangs or cannot be reached is lost after a second, one whose stream never comes after three.
    void Watch()
    {
        if (closed || !me.IsUp)
            return;
        var now = cluster.World.Now;
        foreach (var peer in processes.Where(peer => peer != me.Name && !leftAfter.ContainsKey(peer)))
        {
            var process = cluster.Process(peer);
            var isHeard = process.IsUp && process.HungUntil <= now && process.CutUntil <= now && me.CutUntil <= now && process.Heard(Generation);
            if (isHeard)
                silentSince.Remove(peer);
            else if (now - (silentSince.TryGetValue(peer, out var since) ? since : silentSince[peer] = now) >= (process.Heard(Generation) ? 1_000_000 : 3_000_000))
                Lose(peer);
        }
        me.After(500_000, Watch);
    }

    void Send(string to, Frame frame)
    {
        if (to == me.Name)
            Receive(to, frame);
        else
            cluster.Send(me, to, frame);
    }

    Sums SumsOf(long step)
    {
        if (!sums.TryGetValue(step, out var at))
            sums.Add(step, at = new Sums(begin.First.MicroBatches, slices.Count));
        return at;
    }

    sealed class Sums(int microBatches, int slices)
    {
        public Owned[] Trees { get; } = [.. Enumerable.Range(0, slices).Select(_ => new Owned(new CanonicalTree<Value[]>(microBatches, Arithmetic.Add)))];
        public bool[] Sent { get; } = new bool[slices];
        public Dictionary<string, StopWish> Wishes { get; } = [];
        public SortedDictionary<int, Frame.Gather> Gathered { get; } = [];
    }

    sealed class Owned(CanonicalTree<Value[]> sum)
    {
        public CanonicalTree<Value[]> Sum { get; } = sum;
        public Value[] Values { get; set; } = [];
    }
}
