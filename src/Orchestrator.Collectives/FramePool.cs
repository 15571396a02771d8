using Orchestrator.Collectives.Wire;

namespace Orchestrator.Collectives;

/// <summary>
/// Frames with room for a piece, used again and again: after the first steps of a generation nothing is allocated. It grows with what is on its way at once, at most
/// two steps of a generation.
/// </summary>
sealed class FramePool
{
    readonly Stack<Frame> free = new();

    /// <summary>A frame that the caller owns; nothing of its header is set.</summary>
    public Frame Rent()
    {
        lock (free)
            if (free.TryPop(out var frame))
                return frame;
        return new Frame(this);
    }

    /// <summary>Lets the garbage collector have what is not in use, when a generation ends.</summary>
    public void Trim()
    {
        lock (free)
            free.Clear();
    }

    internal void Return(Frame frame)
    {
        Clear(frame.Header);
        lock (free)
            free.Push(frame);
    }

    // Protobuf's messages cannot be reset; a new one for every frame would be the only garbage of a step.
    static void Clear(Header header)
    {
        header.Phase = Phase.Beat;
        header.Generation = header.Step = header.Tokens = 0;
        header.Lo = header.Hi = header.Piece = header.Count = header.Lost = 0;
        header.LossSum = 0;
        header.Wish = 0;
        header.Hello = null;
    }
}
