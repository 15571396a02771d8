namespace Orchestrator.Collectives.Http2;

/// <summary>How much the peer lets us send: on the connection, on its one stream, and in one frame (RFC 9113, sections 5.2 and 6.9). One caller takes, another gives.</summary>
sealed class Windows : IDisposable
{
    const int InitialBytes = 65_535;
    const int FrameBytesMin = 16_384;
    const int FrameBytesMax = 1 << 24;

    readonly Lock gate = new();
    readonly SemaphoreSlim given = new(0);
    long connection = InitialBytes;
    long stream = InitialBytes;
    long initial = InitialBytes;
    int frame = FrameBytesMin;
    bool closed;

    /// <summary>As much of <paramref name="bytes"/> as may be sent in one frame now; waits until that is at least <paramref name="least"/>.</summary>
    /// <exception cref="IOException">the call is over</exception>
    public async ValueTask<int> Take(int bytes, int least = 1)
    {
        while (true)
        {
            lock (gate)
            {
                if (closed)
                    throw new IOException("the call is over");
                var here = (int)Math.Min(Math.Min(connection, stream), Math.Min(bytes, frame));
                if (here >= least)
                {
                    (connection, stream) = (connection - here, stream - here);
                    return here;
                }
            }
            await given.WaitAsync();
        }
    }

    /// <summary>The peer takes more, on the connection or on the stream.</summary>
    public void Give(int bytes, bool onConnection)
    {
        lock (gate)
        {
            if (onConnection)
                connection += bytes;
            else
                stream += bytes;
            given.Release();
        }
    }

    /// <summary>A setting of the peer.</summary>
    /// <exception cref="InvalidDataException">out of its range</exception>
    public void Set(Setting setting, uint value)
    {
        lock (gate)
        {
            switch (setting)
            {
                case Setting.InitialWindowSize when value <= int.MaxValue:
                    (stream, initial) = (stream + value - initial, value);
                    given.Release();
                    break;
                case Setting.MaxFrameSize when value is >= FrameBytesMin and < FrameBytesMax:
                    frame = (int)value;
                    break;
                case Setting.InitialWindowSize or Setting.MaxFrameSize:
                    throw new InvalidDataException($"{setting} of {value}");
                default:
                    break;
            }
        }
    }

    /// <summary>Nothing will be given any more.</summary>
    public void Close()
    {
        lock (gate)
        {
            closed = true;
            given.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => given.Dispose();
}
