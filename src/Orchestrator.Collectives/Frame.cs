using Orchestrator.Collectives.Wire;

namespace Orchestrator.Collectives;

/// <summary>
/// A header and the floats behind it, as they travel (drawn in <c>proto/exchange.proto</c>). A frame that was received is the operand of the sum, and the sum is the frame that
/// is sent on: floats are copied from the caller into a frame, from line to line, and from a frame to the caller.
/// </summary>
sealed class Frame
{
    readonly FramePool? pool;
    int holders = 1;

    /// <summary>A frame without floats, which nobody needs to release.</summary>
    public Frame(Header header) => Header = header;

    internal Frame(FramePool pool)
    {
        this.pool = pool;
        Header = new Header();
        Storage = GC.AllocateUninitializedArray<float>(Pieces.LengthMax);
    }

    /// <summary>The frame's header; <see cref="Header.Count"/> says how many floats there are.</summary>
    public Header Header { get; }

    float[] Storage { get; } = [];

    /// <summary>The floats.</summary>
    public Span<float> Floats => Storage.AsSpan(0, Header.Count);

    /// <summary>Somebody else needs it too.</summary>
    /// <returns>the frame</returns>
    public Frame Retain()
    {
        Interlocked.Increment(ref holders);
        return this;
    }

    /// <summary>It is not needed any more here; the last one gives its memory back.</summary>
    public void Release()
    {
        if (pool is null || Interlocked.Decrement(ref holders) != 0)
            return;
        holders = 1;
        pool.Return(this);
    }
}
