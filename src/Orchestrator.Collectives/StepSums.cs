using System.Numerics.Tensors;
using Orchestrator.Collectives.Wire;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Collectives;

/// <summary>
/// What this process holds of one step: for each piece that it owns the canonical tree, and of the other pieces the sums that have arrived. Used for every second step
/// of a generation. The session's lock guards it.
/// </summary>
sealed class StepSums
{
    readonly Membership membership;
    readonly Piece[] pieces;
    readonly CanonicalTree<Frame>?[] trees;     // by piece; null where another process owns it
    readonly TreeNode[][] covering;             // by piece and micro-batch: the node that was added with it; of no leaves where none was
    readonly bool[] wished;                     // by peer
    readonly Frame?[] sums;                     // by piece; what the caller has not copied yet
    readonly bool[] summed;                     // by piece
    readonly Queue<int> ready;
    StopWish wish;
    int wishes;

    public StepSums(Membership membership, Piece[] pieces)
    {
        this.membership = membership;
        this.pieces = pieces;
        trees = [.. pieces.Select(piece => piece.Owner == membership.Self ? new CanonicalTree<Frame>(membership.MicroBatches, Add) : null)];
        covering = [.. trees.Select(tree => new TreeNode[tree is null ? 0 : membership.MicroBatches])];
        wished = new bool[membership.Peers.Count];
        sums = new Frame?[pieces.Length];
        summed = new bool[pieces.Length];
        ready = new Queue<int>(pieces.Length);
    }

    /// <summary>Which step this is about.</summary>
    public long Step { get; private set; }

    /// <summary>Forgets everything and turns to another step.</summary>
    public void Begin(long step)
    {
        Step = step;
        for (var p = 0; p < pieces.Length; p++)
        {
            foreach (var (_, frame) in trees[p] is { FinishedCount: > 0 } tree ? tree.Finished : [])
                frame.Release();
            trees[p]?.Clear();
            covering[p].AsSpan().Clear();
            sums[p]?.Release();
            sums[p] = null;
        }
        ready.Clear();
        wished.AsSpan().Clear();
        summed.AsSpan().Clear();
        wish = StopWish.None;
        wishes = 0;
    }

    /// <summary>Adds a piece of a node that this process owns; takes the frame.</summary>
    /// <returns>false if it does not fit, or was there already</returns>
    /// <exception cref="BrokenInvariantException">a micro-batch of it was added as part of another node</exception>
    public bool TryAdd(Frame frame)
    {
        var node = new TreeNode(frame.Header.Lo, frame.Header.Hi);
        if (!Fits(frame) || trees[frame.Header.Piece] is not { } tree || !tree.Contains(node) || !Cover(covering[frame.Header.Piece].AsSpan(node.Lo, node.Count), node))
        {
            frame.Release();
            return false;
        }
        tree.Add(node, frame);
        return true;
    }

    /// <summary>Whether a micro-batch is in every piece that this process owns.</summary>
    public bool HasArrived(int m)
    {
        for (var piece = 0; piece < pieces.Length; piece++)
        {
            if (trees[piece] is not null && covering[piece][m].Count == 0)
                return false;
        }
        return true;
    }

    /// <summary>Takes note of a peer's wish; a repeated one changes nothing.</summary>
    public void Wish(int peer, StopWish its)
    {
        wish |= its;
        wishes += wished[peer] ? 0 : 1;
        wished[peer] = true;
    }

    /// <summary>The finished sum of a piece that this process owns, once: to be sent to all and to be <see cref="Keep"/>t.</summary>
    public Frame? TakeFinished(int piece)
    {
        if (summed[piece] || trees[piece] is not { IsComplete: true } tree || (piece == 0 && wishes < wished.Length))
            return null;
        var sum = tree.Sum;
        tree.Clear();
        sum.Header.Phase = Phase.Gather;
        sum.Header.Wish = piece == 0 ? (uint)wish : 0;
        return sum;
    }

    /// <summary>Keeps a piece of the step's sum for <see cref="TryTake"/>; takes the frame.</summary>
    /// <returns>false if it does not fit, or was there already</returns>
    public bool Keep(Frame frame)
    {
        if (!Fits(frame) || summed[frame.Header.Piece])
        {
            frame.Release();
            return false;
        }
        summed[frame.Header.Piece] = true;
        sums[frame.Header.Piece] = frame;
        ready.Enqueue(frame.Header.Piece);
        return true;
    }

    /// <summary>The next piece of the sum that has arrived, for the caller to release.</summary>
    public Frame? TryTake()
    {
        if (!ready.TryDequeue(out var piece))
            return null;
        var frame = sums[piece];
        sums[piece] = null;
        return frame;
    }

    bool Fits(Frame frame) => (uint)frame.Header.Piece < (uint)pieces.Length && frame.Header.Count == pieces[frame.Header.Piece].Length;

    // False if this very node was added before: the same sum, sent again.
    bool Cover(Span<TreeNode> leaves, TreeNode node)
    {
        if (leaves[0] == node)
            return false;
        foreach (var other in leaves)
            if (other.Count > 0)
                throw new BrokenInvariantException(4, $"{membership.Job}, step {Step}: micro-batches of {node} were computed by another process too, as {other}");
        leaves.Fill(node);
        return true;
    }

    static Frame Add(Frame left, Frame right)
    {
        TensorPrimitives.Add(left.Floats, right.Floats, left.Floats);
        left.Header.LossSum += right.Header.LossSum;
        left.Header.Tokens += right.Header.Tokens;
        left.Header.Hi = right.Header.Hi;
        right.Release();
        return left;
    }
}
