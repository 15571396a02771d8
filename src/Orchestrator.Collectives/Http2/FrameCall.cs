using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Grpc.Core;
using Orchestrator.Collectives.Wire;

namespace Orchestrator.Collectives.Http2;

/// <summary>
/// A gRPC call that sends frames and hears one, on an HTTP/2 connection of its own (RFC 9113). <see cref="System.Net.Http.HttpClient"/> cuts what it sends into 16 KiB, each
/// with two changes of the thread; here a frame of floats goes to the socket in one call, from where it lies.
/// </summary>
sealed class FrameCall : IDisposable
{
    const int StreamNumber = 1;
    const int IncomingBytesMax = 16_384;      // of a frame: we ask for no more than the default
    const int AnswerBytesMax = 5 + FrameMarshaller.HeaderBytesMax;
    static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    readonly Stream connection;
    readonly SemaphoreSlim writing = new(1);
    readonly Windows windows = new();
    readonly byte[] head = new byte[FrameHead.Bytes + FrameMarshaller.MessageHeadBytesMax];
    readonly TaskCompletionSource<Header> answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly List<byte> answer = [];
    readonly List<byte> headers = [];
    Status? status;
    bool ends;      // the stream, with the headers that are coming

    FrameCall(Stream connection) => this.connection = connection;

    /// <summary>Connects and begins the call.</summary>
    /// <exception cref="SocketException">nobody listens there</exception>
    public static async Task<FrameCall> Open(Uri address, string method, CancellationToken stop)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        IDisposable opened = socket;
        try
        {
            await socket.ConnectAsync(address.DnsSafeHost, address.Port, stop);
            Stream connection = new NetworkStream(socket, ownsSocket: true);
            if (address.Scheme == Uri.UriSchemeHttps)
            {
                var secure = new SslStream(connection);
                opened = connection = secure;
                await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = address.DnsSafeHost, ApplicationProtocols = [SslApplicationProtocol.Http2] }, stop);
            }
            var call = new FrameCall(connection);
            await connection.WriteAsync(Beginning(address, method), stop);
            call.Over = call.Read();
            return call;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>The first frame that the peer answers with.</summary>
    public Task<Header> Answer => answered.Task;

    /// <summary>Ends when the peer has ended the call in peace.</summary>
    /// <exception cref="RpcException">it has refused or aborted the call</exception>
    /// <exception cref="IOException">the connection is gone</exception>
    public Task Over { get; private set; } = Task.CompletedTask;

    /// <summary>Sends a frame; it is in the system's hands, or waits for room there, when this returns. One caller at a time.</summary>
    /// <exception cref="IOException">the call is over, or the connection is gone</exception>
    public async ValueTask Send(Frame frame)
    {
        var headBytes = FrameMarshaller.WriteMessageHead(frame, head.AsSpan(FrameHead.Bytes));
        var (floats, bytes) = (frame.Bytes, headBytes + frame.Bytes.Length);
        var here = await windows.Take(bytes, least: headBytes);
        await writing.WaitAsync();
        try
        {
            new FrameHead(here, FrameType.Data, FrameFlags.None, StreamNumber).Write(head);
            await connection.WriteAsync(head.AsMemory(0, FrameHead.Bytes + headBytes));
            if (here > headBytes)
                await connection.WriteAsync(floats[..(here - headBytes)]);
        }
        finally
        {
            writing.Release();
        }
        for (var sent = here - headBytes; sent < floats.Length; sent += here)
        {
            here = await windows.Take(floats.Length - sent);
            await Write(FrameType.Data, FrameFlags.None, StreamNumber, floats.Slice(sent, here));
        }
    }

    /// <summary>Nothing more will be sent.</summary>
    public Task Complete() => Write(FrameType.Data, FrameFlags.EndStream, StreamNumber, default);

    /// <inheritdoc/>
    public void Dispose()
    {
        windows.Close();
        connection.Dispose();
    }

    async Task Write(FrameType type, FrameFlags flags, int stream, ReadOnlyMemory<byte> payload)
    {
        var start = new byte[FrameHead.Bytes];
        new FrameHead(payload.Length, type, flags, stream).Write(start);
        await writing.WaitAsync();
        try
        {
            await connection.WriteAsync(start);
            if (!payload.IsEmpty)
                await connection.WriteAsync(payload);
        }
        finally
        {
            writing.Release();
        }
    }

    static byte[] Beginning(Uri address, string method)
    {
        var block = HeaderBlock.OfCall(address, method);
        Span<byte> settings = stackalloc byte[12];
        BinaryPrimitives.WriteUInt16BigEndian(settings, (ushort)Setting.HeaderTableSize);
        BinaryPrimitives.WriteUInt32BigEndian(settings[2..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(settings[6..], (ushort)Setting.EnablePush);
        BinaryPrimitives.WriteUInt32BigEndian(settings[8..], 0);
        Span<byte> start = stackalloc byte[FrameHead.Bytes];
        Span<byte> second = stackalloc byte[FrameHead.Bytes];
        new FrameHead(settings.Length, FrameType.Settings, FrameFlags.None, 0).Write(start);
        new FrameHead(block.Length, FrameType.Headers, FrameFlags.EndHeaders, StreamNumber).Write(second);
        return [.. Preface, .. start, .. settings, .. second, .. block];
    }

    async Task Read()
    {
        try
        {
            var (start, payload) = (new byte[FrameHead.Bytes], new byte[IncomingBytesMax]);
            while (true)
            {
                await connection.ReadExactlyAsync(start);
                var frame = FrameHead.Read(start);
                if (frame.Length > IncomingBytesMax)
                    throw new InvalidDataException($"an HTTP/2 frame of {frame.Length} bytes");
                await connection.ReadExactlyAsync(payload.AsMemory(0, frame.Length));
                if (Take(frame, payload.AsSpan(0, frame.Length)))
                    break;
                if (frame is { Type: FrameType.Settings or FrameType.Ping } && !frame.Flags.HasFlag(FrameFlags.Ack))
                    await Write(frame.Type, FrameFlags.Ack, 0, frame.Type == FrameType.Ping ? payload.AsMemory(0, frame.Length) : default);
            }
            var end = status ?? new Status(StatusCode.Unimplemented, "it answers, but is no exchange");
            if (end.StatusCode != StatusCode.OK)
                throw new RpcException(end);
            answered.TrySetException(new RpcException(new Status(StatusCode.Internal, "it ended the call without an answer")));
        }
        catch (Exception e)
        {
            var what = e is EndOfStreamException or ObjectDisposedException ? new IOException("the connection was closed", e) : e;
            answered.TrySetException(what);
            throw what;
        }
        finally
        {
            windows.Close();
        }
    }

    // Whether the stream is over.
    bool Take(FrameHead frame, ReadOnlySpan<byte> payload)
    {
        switch (frame.Type)
        {
            case FrameType.Data when frame.Stream == StreamNumber:
                Hear(Unpadded(frame, payload));
                return frame.Flags.HasFlag(FrameFlags.EndStream);
            case FrameType.Headers when frame.Stream == StreamNumber:
                headers.Clear();
                headers.AddRange(Unpadded(frame, payload)[(frame.Flags.HasFlag(FrameFlags.Priority) ? 5 : 0)..]);
                ends = frame.Flags.HasFlag(FrameFlags.EndStream);
                return frame.Flags.HasFlag(FrameFlags.EndHeaders) && HeadersAreOver();
            case FrameType.Continuation when headers.Count + payload.Length <= 4 * IncomingBytesMax:
                headers.AddRange(payload);
                return frame.Flags.HasFlag(FrameFlags.EndHeaders) && HeadersAreOver();
            case FrameType.Settings when !frame.Flags.HasFlag(FrameFlags.Ack):
                for (; payload.Length >= 6; payload = payload[6..])
                    windows.Set((Setting)BinaryPrimitives.ReadUInt16BigEndian(payload), BinaryPrimitives.ReadUInt32BigEndian(payload[2..]));
                return false;
            case FrameType.WindowUpdate when payload.Length == sizeof(int):
                windows.Give(BinaryPrimitives.ReadInt32BigEndian(payload) & int.MaxValue, onConnection: frame.Stream == 0);
                return false;
            case FrameType.Reset when frame.Stream == StreamNumber:
                throw new IOException($"the peer has reset the call{(payload.Length == sizeof(int) ? $" ({BinaryPrimitives.ReadInt32BigEndian(payload)})" : "")}");
            case FrameType.GoAway when payload.Length >= 8 && (BinaryPrimitives.ReadInt32BigEndian(payload) & int.MaxValue) < StreamNumber:
                throw new IOException("the peer takes no calls any more");
            case FrameType.Continuation:
                throw new InvalidDataException("headers without an end");
            default:
                return false;
        }
    }

    bool HeadersAreOver()
    {
        status = HeaderBlock.StatusOf(CollectionsMarshal.AsSpan(headers)) ?? status;
        return ends;
    }

    void Hear(ReadOnlySpan<byte> message)
    {
        if (answered.Task.IsCompleted)
            return;
        if (answer.Count + message.Length > AnswerBytesMax)
            throw new InvalidDataException($"an answer of more than {AnswerBytesMax} bytes");
        answer.AddRange(message);
        if (FrameMarshaller.ReadMessage(CollectionsMarshal.AsSpan(answer)) is { } header)
            answered.TrySetResult(header);
    }

    static ReadOnlySpan<byte> Unpadded(FrameHead frame, ReadOnlySpan<byte> payload)
        => !frame.Flags.HasFlag(FrameFlags.Padded) ? payload
            : payload.Length > 0 && payload[0] < payload.Length ? payload[1..(payload.Length - payload[0])]
            : throw new InvalidDataException("an HTTP/2 frame that is all padding");
}
