namespace Orchestrator.Collectives;

/// <summary>
/// A peer is gone, or cannot be reached: an event of the protocol, which opens the next generation. The outcome of the step is unknown: others may have
/// completed it.
/// </summary>
/// <param name="process">the peer's <see cref="Peer.Process"/></param>
/// <param name="reason">what was seen, for the log</param>
public sealed class PeerLostException(string process, string reason) : Exception($"{process} is lost: {reason}")
{
    /// <summary>The peer's name.</summary>
    public string Process { get; } = process;

    /// <summary>What was seen of it.</summary>
    public string Reason { get; } = reason;
}
