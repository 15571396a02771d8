using System.ComponentModel.DataAnnotations;

namespace Orchestrator.Collectives;

/// <summary>What the exchange waits for, and how long. The processes of a job should agree.</summary>
public sealed record ExchangeOptions
{
    /// <summary>How long a peer may take to join a generation and be reached. 100 ms to 1 h, 30 s by default: a process that comes up loads a model first.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    public TimeSpan JoinTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a peer that has joined may be silent until it is lost. 200 ms to 5 min, 1 s by default. Until the first step of a generation
    /// is reduced it is five times as long. A process that dies is noticed in milliseconds anyway.</summary>
    [Range(typeof(TimeSpan), "00:00:00.200", "00:05:00")]
    public TimeSpan PeerSilence { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Time between two signs of life to a peer to whom nothing else is sent. 10 ms to 1 min, 100 ms by default; at most a third of <see cref="PeerSilence"/>.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:01:00")]
    public TimeSpan BeatInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a session that is disposed waits for its last frames to leave. 0 to 1 min, 1 s by default; a healthy peer takes milliseconds.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan LeaveTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Largest state that is copied from a peer, in bytes. 1 MiB to 1 TiB, 4 GiB by default: that of an adapter has some 15 MB.</summary>
    [Range(1L << 20, 1L << 40)]
    public long StateBytesMax { get; init; } = 4L << 30;

    /// <exception cref="ValidationException">a value is out of its range; names the option</exception>
    internal ExchangeOptions Checked()
    {
        Validator.ValidateObject(this, new ValidationContext(this), validateAllProperties: true);
        return 3 * BeatInterval <= PeerSilence ? this
            : throw new ValidationException($"{nameof(BeatInterval)} is {BeatInterval}; at most a third of {nameof(PeerSilence)}, {PeerSilence}, is needed");
    }
}
