namespace Orchestrator.Protocol.Coordination;

/// <summary>Why the workers should stand after the step in hand. Frames carry the wishes and they are OR-ed, so that all workers stop at the same step without another round.</summary>
[Flags]
public enum StopWish
{
    /// <summary>Go on.</summary>
    None = 0,

    /// <summary>An evaluation or a checkpoint wants everybody.</summary>
    Boundary = 1,

    /// <summary>Workers come or go.</summary>
    Resize = 2,

    /// <summary>The user pauses the job.</summary>
    Suspend = 4,

    /// <summary>A silo leaves.</summary>
    Drain = 8,

    /// <summary>The deal does not fit the workers' speeds any more.</summary>
    Balance = 16,
}
