namespace Orchestrator.Protocol.Coordination;

/// <summary>
/// Why a process would like the job to stop after a step. Wishes travel with the reduction and are OR-ed, so that all processes learn
/// the same wish at the same step and stop there without another round.
/// </summary>
[Flags]
public enum StopWish
{
    /// <summary>Go on.</summary>
    None = 0,

    /// <summary>A checkpoint, an evaluation or the end is due.</summary>
    Boundary = 1,

    /// <summary>The job shall go on with another number of workers.</summary>
    Resize = 2,

    /// <summary>The job shall be suspended.</summary>
    Suspend = 4,

    /// <summary>This process wants to leave.</summary>
    Drain = 8,
}
