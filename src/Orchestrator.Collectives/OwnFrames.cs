using Orchestrator.Collectives.Wire;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Collectives;

/// <summary>The frames that this process begins; a sum goes on in the frame that it was folded into.</summary>
sealed class OwnFrames(Generation generation, FramePool pool)
{
    /// <summary>A frame without floats.</summary>
    public Frame Control(Phase phase, long step) => new(new Header { Phase = phase, Generation = generation.Number, Step = step });

    /// <summary>What this process wishes in a step.</summary>
    public Frame Wish(Step step, StopWish wish)
    {
        var frame = Control(Phase.Wish, step.Number);
        frame.Header.Wish = (uint)wish;
        return frame;
    }

    /// <summary>A piece of a finished node, copied out of the caller's memory.</summary>
    public Frame Scatter(Step step, PartialSum node, Piece piece)
    {
        var frame = pool.Rent();
        var header = frame.Header;
        header.Phase = Phase.Scatter;
        header.Generation = generation.Number;
        header.Step = step.Number;
        (header.Lo, header.Hi) = (node.Node.Lo, node.Node.Hi);
        header.Piece = piece.Index;
        header.Count = piece.Length;
        (header.LossSum, header.Tokens) = piece.Index == 0 ? (node.LossSum, node.Tokens) : (0, 0);
        node.Gradient.AsSpan(piece.Offset, piece.Length).CopyTo(frame.Floats);
        return frame;
    }

    /// <summary>The first frame of a stream to a peer.</summary>
    public Frame Hello(Membership membership, int peer)
    {
        var frame = Control(Phase.Hello, 0);
        frame.Header.Hello = new Hello
        {
            Job = membership.Job, From = membership.Self, To = peer,
            Processes = membership.Peers.Count, MicroBatches = membership.MicroBatches, Parameters = membership.Parameters,
        };
        return frame;
    }
}
