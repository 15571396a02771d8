namespace Orchestrator.Collectives;

/// <summary>Where the frames for a peer go.</summary>
interface IPeerLink
{
    /// <summary>Takes the frame, and sends it after those before; never blocks. A frame for a peer that is gone is released.</summary>
    void Send(Frame frame);
}
