using System.ComponentModel.DataAnnotations;

namespace Orchestrator.Server.Security;

/// <summary>
/// What one caller, one connection or one slow client can take. A caller is whoever the token says, or the address where nobody is asked. Messages are 2 MiB at most, an upload 1 GiB; a handshake takes
/// 10 s at most.
/// </summary>
public sealed record LimitsOptions
{
    /// <summary>Connections that a port has open at once; further ones are closed. 16 to 1,000,000, 10,000 by default.</summary>
    [Range(16, 1_000_000)]
    public int ConnectionsMax { get; init; } = 10_000;

    /// <summary>Calls that one connection has open at once (HTTP/2); its further ones wait. 10 to 10,000, 100 by default.</summary>
    [Range(10, 10_000)]
    public int StreamsMax { get; init; } = 100;

    /// <summary>Calls that a caller begins in a second, on average; twice as many at once. More are told to come back later. 1 to 100,000, 500 by default.</summary>
    [Range(1, 100_000)]
    public int CallsPerSecond { get; init; } = 500;

    /// <summary>Calls that a caller has open at once, those that watch included. 1 to 100,000, 1,000 by default.</summary>
    [Range(1, 100_000)]
    public int CallsAtOnce { get; init; } = 1_000;

    /// <summary>How long the headers of a request may take. 1 s to 5 min, 10 s by default.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan HeadersWithin { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a connection stays without a call, and an upload without its next part. 1 s to 1 h, 2 min by default.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan IdleWithin { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Bytes a second that a client sends and takes at least, on average, while something is on its way; who is slower for <see cref="SlowWithin"/> is cut off. 0 to 1,048,576, 240 by default; 0 is no bound.</summary>
    [Range(0, 1 << 20)]
    public int BytesPerSecondMin { get; init; } = 240;

    /// <summary>How long a client may be slower than <see cref="BytesPerSecondMin"/>. 2 s to 5 min, 5 s by default.</summary>
    [Range(typeof(TimeSpan), "00:00:02", "00:05:00")]
    public TimeSpan SlowWithin { get; init; } = TimeSpan.FromSeconds(5);
}
