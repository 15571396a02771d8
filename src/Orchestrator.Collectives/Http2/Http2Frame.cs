using System.Buffers.Binary;

namespace Orchestrator.Collectives.Http2;

/// <summary>What stands before each frame of HTTP/2 (RFC 9113, section 4.1): length, type, flags, stream.</summary>
readonly record struct FrameHead(int Length, FrameType Type, FrameFlags Flags, int Stream)
{
    /// <summary>Bytes of it.</summary>
    public const int Bytes = 9;

    /// <summary>Writes it.</summary>
    public void Write(Span<byte> into)
    {
        BinaryPrimitives.WriteUInt32BigEndian(into, (uint)Length << 8 | (byte)Type);
        into[4] = (byte)Flags;
        BinaryPrimitives.WriteInt32BigEndian(into[5..], Stream);
    }

    /// <summary>Reads one.</summary>
    public static FrameHead Read(ReadOnlySpan<byte> from)
    {
        var start = BinaryPrimitives.ReadUInt32BigEndian(from);
        return new FrameHead((int)(start >> 8), (FrameType)(byte)start, (FrameFlags)from[4], BinaryPrimitives.ReadInt32BigEndian(from[5..]) & int.MaxValue);
    }
}

/// <summary>Types of frames, RFC 9113 section 6.</summary>
enum FrameType : byte
{
    Data = 0,
    Headers = 1,
    Reset = 3,
    Settings = 4,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8,
    Continuation = 9,
}

/// <summary>Flags of frames; which apply depends on the type.</summary>
[Flags]
enum FrameFlags : byte
{
    None = 0,
    EndStream = 1,      // of DATA and HEADERS
    Ack = 1,            // of SETTINGS and PING
    EndHeaders = 4,
    Padded = 8,
    Priority = 32,
}

/// <summary>Settings that matter here, RFC 9113 section 6.5.2.</summary>
enum Setting : ushort
{
    HeaderTableSize = 1,
    EnablePush = 2,
    InitialWindowSize = 4,
    MaxFrameSize = 5,
}
