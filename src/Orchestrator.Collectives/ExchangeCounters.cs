using System.Diagnostics;

namespace Orchestrator.Collectives;

/// <summary>What an exchange has done since it was made, for metrics. Any thread may read it.</summary>
public sealed class ExchangeCounters
{
    long framesDropped;
    long framesReceived;
    long bytesSent;
    long bytesReceived;
    long sums;
    long waitTicks;
    long sumTicks;

    /// <summary>Frames that were late, doubled, of another generation, or did not fit. A few around a change of generation are usual.</summary>
    public long FramesDropped => Interlocked.Read(ref framesDropped);

    /// <summary>Frames from peers, beats too.</summary>
    public long FramesReceived => Interlocked.Read(ref framesReceived);

    /// <summary>Bytes of floats sent to peers.</summary>
    public long BytesSent => Interlocked.Read(ref bytesSent);

    /// <summary>Bytes of floats received from peers.</summary>
    public long BytesReceived => Interlocked.Read(ref bytesReceived);

    /// <summary>Sums of a step that were completed.</summary>
    public long Sums => Interlocked.Read(ref sums);

    /// <summary>Until the first piece of a sum was there, over all sums.</summary>
    public TimeSpan WaitTime => Stopwatch.GetElapsedTime(0, Interlocked.Read(ref waitTicks));

    /// <summary>From the first piece of a sum to the last, over all sums.</summary>
    public TimeSpan SumTime => Stopwatch.GetElapsedTime(0, Interlocked.Read(ref sumTicks));

    internal void Summed(long from, long first, long until)
    {
        Interlocked.Increment(ref sums);
        Interlocked.Add(ref waitTicks, first - from);
        Interlocked.Add(ref sumTicks, until - first);
    }

    internal void Dropped() => Interlocked.Increment(ref framesDropped);

    internal void Sent(Frame frame) => Interlocked.Add(ref bytesSent, sizeof(float) * (long)frame.Header.Count);

    internal void Received(Frame frame)
    {
        Interlocked.Increment(ref framesReceived);
        Interlocked.Add(ref bytesReceived, sizeof(float) * (long)frame.Header.Count);
    }
}
