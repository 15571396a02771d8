namespace Orchestrator.Collectives;

/// <summary>What an exchange has done since it was made, for metrics. Any thread may read it.</summary>
public sealed class ExchangeCounters
{
    long framesDropped;
    long framesReceived;
    long bytesSent;
    long bytesReceived;

    /// <summary>Frames that were late, doubled, of another generation, or did not fit. A few around a change of generation are usual.</summary>
    public long FramesDropped => Interlocked.Read(ref framesDropped);

    /// <summary>Frames from peers, beats too.</summary>
    public long FramesReceived => Interlocked.Read(ref framesReceived);

    /// <summary>Bytes of floats sent to peers.</summary>
    public long BytesSent => Interlocked.Read(ref bytesSent);

    /// <summary>Bytes of floats received from peers.</summary>
    public long BytesReceived => Interlocked.Read(ref bytesReceived);

    internal void Dropped() => Interlocked.Increment(ref framesDropped);

    internal void Sent(Frame frame) => Interlocked.Add(ref bytesSent, sizeof(float) * (long)frame.Header.Count);

    internal void Received(Frame frame)
    {
        Interlocked.Increment(ref framesReceived);
        Interlocked.Add(ref bytesReceived, sizeof(float) * (long)frame.Header.Count);
    }
}
