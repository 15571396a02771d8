namespace Orchestrator.Protocol.Order;

/// <summary>The first coordinate of every <see cref="Counter"/>, so that two uses of a seed never see the same numbers. A number is never used again.</summary>
public static class Streams
{
    /// <summary>The order of the samples of an epoch.</summary>
    public const long Order = 1;

    /// <summary>Which records are held out.</summary>
    public const long HeldOut = 2;

    /// <summary>Start values of the trained parameters.</summary>
    public const long StartValues = 3;

    /// <summary>Sampling of generated tokens.</summary>
    public const long Generation = 4;

    /// <summary>Which micro-batches are computed a second time.</summary>
    public const long Audits = 5;
}
