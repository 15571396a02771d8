using System.Net;
using System.Net.Sockets;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Orchestrator.Benchmarks;

/// <summary>What a user would write instead of the exchange: a connection to every peer, each rank sums its slice in rank order and sends it to all. No losses, no newcomers.</summary>
sealed class BareSockets : IDisposable
{
    readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    Socket?[] peers = [];
    int self;

    /// <summary>Listens on a free port of loopback.</summary>
    public BareSockets()
    {
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
    }

    /// <summary>Where it listens.</summary>
    public int Port => ((IPEndPoint)listener.LocalEndPoint!).Port;

    /// <summary>Connects to the ranks before this one and waits for those after it.</summary>
    public void Connect(int self, int[] ports)
    {
        (this.self, peers) = (self, new Socket?[ports.Length]);
        for (var rank = 0; rank < self; rank++)
        {
            peers[rank] = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            peers[rank]!.Connect(IPAddress.Loopback, ports[rank]);
            peers[rank]!.Send([(byte)self]);
        }
        for (var more = self + 1; more < ports.Length; more++)
        {
            var (socket, rank) = (listener.Accept(), new byte[1]);
            Receive(socket, rank);
            (socket.NoDelay, peers[rank[0]]) = (true, socket);
        }
    }

    /// <summary>The sum over all ranks, in place.</summary>
    public void Reduce(float[] vector, float[] slice, float[] other)
    {
        var (from, to) = SliceOf(vector.Length, self);
        var sending = Sending(rank => { var (first, last) = SliceOf(vector.Length, rank); peers[rank]!.Send(MemoryMarshal.AsBytes(vector.AsSpan(first, last - first))); });
        var sum = slice.AsSpan(0, to - from);
        var next = other.AsSpan(0, to - from);
        for (var rank = 0; rank < peers.Length; rank++)
        {
            if (peers[rank] is { } peer)
                Receive(peer, MemoryMarshal.AsBytes(next));
            ReadOnlySpan<float> its = rank == self ? vector.AsSpan(from, to - from) : next;
            if (rank == 0)
                its.CopyTo(sum);
            else
                TensorPrimitives.Add(sum, its, sum);
        }
        sending.Join();
        sending = Sending(rank => peers[rank]!.Send(MemoryMarshal.AsBytes(slice.AsSpan(0, to - from))));
        sum.CopyTo(vector.AsSpan(from));
        for (var rank = 0; rank < peers.Length; rank++)
        {
            var (first, last) = SliceOf(vector.Length, rank);
            if (peers[rank] is { } peer)
                Receive(peer, MemoryMarshal.AsBytes(vector.AsSpan(first, last - first)));
        }
        sending.Join();
    }

    // A thread of its own sends, so that two ranks that send to each other do not wait for ever.
    Thread Sending(Action<int> send)
    {
        var thread = new Thread(() =>
        {
            for (var step = 1; step < peers.Length; step++)
                send((self + step) % peers.Length);
        });
        thread.Start();
        return thread;
    }

    (int From, int To) SliceOf(int length, int rank) => ((int)((long)length * rank / peers.Length), (int)((long)length * (rank + 1) / peers.Length));

    static void Receive(Socket from, Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var count = from.Receive(bytes);
            bytes = count > 0 ? bytes[count..] : throw new EndOfStreamException();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        listener.Dispose();
        foreach (var peer in peers)
            peer?.Dispose();
    }
}
