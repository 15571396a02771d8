using System.Buffers;
using CsCheck;
using Orchestrator.Collectives.Wire;

namespace Orchestrator.Collectives.Tests;

public class FrameTests
{
    readonly FramePool pool = new();

    [Fact]
    public void What_is_written_is_read_again() => Gen.Select(Gen.Float.Array[0, 300], Gen.Int, Gen.Long, Gen.Double).Sample((floats, piece, step, loss) =>
    {
        var frame = pool.Rent();
        (frame.Header.Phase, frame.Header.Piece, frame.Header.Step, frame.Header.LossSum, frame.Header.Count) = (Phase.Gather, piece, step, loss, floats.Length);
        floats.CopyTo(frame.Floats);
        var read = FrameMarshaller.Read(new ReadOnlySequence<byte>(Wires.Bytes(frame)), pool);
        Assert.Equal(frame.Header, read.Header);
        Assert.Equal(frame.Floats.ToArray().Select(BitConverter.SingleToInt32Bits), read.Floats.ToArray().Select(BitConverter.SingleToInt32Bits));
        frame.Release();
        read.Release();
    }, threads: 1);

    [Fact]
    public void Garbage_is_no_frame_and_takes_no_memory()
    {
        var genuine = Wires.Bytes(new Frame(new Header { Phase = Phase.Wish, Generation = 3, Step = 7, Hello = new Hello { Job = "alpaca" } }));
        var mutated = Gen.Select(Gen.Int[0, genuine.Length - 1], Gen.Byte, Gen.Int[0, genuine.Length]).Select((at, value, length) =>
        {
            var bytes = genuine.ToArray();
            bytes[at] = value;
            return bytes[..length];
        });
        Gen.OneOf(Gen.Byte.Array[0, 100], mutated).Sample(bytes =>
        {
            try
            {
                var frame = FrameMarshaller.Read(new ReadOnlySequence<byte>(bytes), pool);
                Assert.Equal(frame.Header.Count, frame.Floats.Length);
                frame.Release();
            }
            catch (InvalidDataException)
            {
            }
        }, iter: 20_000, threads: 1);
    }

    [Fact]
    public void A_header_that_announces_more_floats_than_came_is_refused()
    {
        var bytes = Wires.Bytes(new Frame(new Header { Count = 0, Step = 5 })).Concat(new byte[8]).ToArray();
        Assert.Contains("8 bytes behind a header that announces 0 floats", Assert.Throws<InvalidDataException>(() => FrameMarshaller.Read(new ReadOnlySequence<byte>(bytes), pool)).Message);
    }
}

static class Wires
{
    public static byte[] Bytes(Frame frame)
    {
        var writer = new ArrayBufferWriter<byte>();
        FrameMarshaller.Write(frame, frame.Header.CalculateSize(), writer);
        return writer.WrittenSpan.ToArray();
    }
}
