using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Grpc.Core;
using Orchestrator.Collectives.Wire;

namespace Orchestrator.Collectives;

/// <summary>Writes frames into gRPC's buffers and reads them from there, without a copy in between. What it reads is checked before memory is taken.</summary>
static class FrameMarshaller
{
    const int PrefixBytes = sizeof(uint);

    /// <summary>Bytes of the longest header: of a HELLO with a long name; others have some 50.</summary>
    public const int HeaderBytesMax = 1024;

    /// <summary>Bytes of the longest frame.</summary>
    public const int FrameBytesMax = PrefixBytes + HeaderBytesMax + sizeof(float) * Pieces.LengthMax;

    /// <summary>The method that carries frames.</summary>
    /// <param name="pool">where received floats go</param>
    public static Method<Frame, Frame> Method(FramePool pool)
    {
        var marshaller = Marshallers.Create<Frame>(Write, context => Read(context.PayloadAsReadOnlySequence(), pool));
        return new Method<Frame, Frame>(MethodType.DuplexStreaming, "orchestrator.exchange.v1.Gradients", "Stream", marshaller, marshaller);
    }

    static void Write(Frame frame, SerializationContext context)
    {
        var headerBytes = frame.Header.CalculateSize();
        context.SetPayloadLength(PrefixBytes + headerBytes + sizeof(float) * frame.Header.Count);   // before the buffer: it is then rented once, at the right size
        Write(frame, headerBytes, context.GetBufferWriter());
        context.Complete();
    }

    internal static void Write(Frame frame, int headerBytes, IBufferWriter<byte> writer)
    {
        var start = writer.GetSpan(PrefixBytes + headerBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(start, (uint)headerBytes);
        frame.Header.WriteTo(start.Slice(PrefixBytes, headerBytes));
        writer.Advance(PrefixBytes + headerBytes);
        writer.Write(MemoryMarshal.AsBytes(frame.Floats));
    }

    /// <exception cref="InvalidDataException">no frame</exception>
    internal static Frame Read(ReadOnlySequence<byte> payload, FramePool pool)
    {
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        if (payload.Length < PrefixBytes || payload.Length > FrameBytesMax)
            throw new InvalidDataException($"a frame of {payload.Length} bytes; {PrefixBytes} to {FrameBytesMax} are allowed");
        payload.Slice(0, PrefixBytes).CopyTo(prefix);
        var headerBytes = BinaryPrimitives.ReadUInt32LittleEndian(prefix);
        if (headerBytes > HeaderBytesMax || PrefixBytes + headerBytes > payload.Length)
            throw new InvalidDataException($"a header of {headerBytes} bytes in a frame of {payload.Length}");
        var header = payload.Slice(PrefixBytes, headerBytes);
        var floats = payload.Slice(PrefixBytes + headerBytes);
        if (floats.IsEmpty)
            return Parsed(new Frame(new Header()), header, floats);
        var frame = pool.Rent();
        try
        {
            return Parsed(frame, header, floats);
        }
        catch
        {
            frame.Release();
            throw;
        }
    }

    static Frame Parsed(Frame frame, ReadOnlySequence<byte> header, ReadOnlySequence<byte> floats)
    {
        try
        {
            frame.Header.MergeFrom(header);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException("a header that is none: " + e.Message, e);
        }
        var count = frame.Header.Count;
        if (count < 0 || count > Pieces.LengthMax || sizeof(float) * (long)count != floats.Length)
            throw new InvalidDataException($"{floats.Length} bytes behind a header that announces {count} floats");
        floats.CopyTo(MemoryMarshal.AsBytes(frame.Floats));
        return frame;
    }
}
