namespace Orchestrator.Protocol.Order;

/// <summary>What a token costs to compute, forward and backward, as far as micro-batches differ by it: multiplications of the base's products, of which only the ratios count.</summary>
/// <param name="Row">for the token itself</param>
/// <param name="Supervised">on top, where the loss looks at it</param>
/// <param name="Look">for each token that it attends to, itself included</param>
public readonly record struct TokenCost(long Row, long Supervised, long Look)
{
    /// <summary>
    /// The cost of a sample's tokens from position <paramref name="from"/> on, where those before it are computed already. At least 1; and that where nothing is supervised,
    /// since nothing is computed then.
    /// </summary>
    /// <param name="from">position of the first token, from 0</param>
    /// <param name="length">tokens of the sample</param>
    /// <param name="supervised">tokens of the sample that the loss looks at</param>
    public long Of(int from, int length, int supervised)
    {
        if (supervised == 0)
            return 1;
        long looks = ((long)length * (length + 1) - (long)from * (from + 1)) / 2;
        return 1 + Row * (length - from) + Supervised * supervised + Look * looks;
    }
}
