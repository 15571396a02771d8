namespace Orchestrator.Learning.Generation;

/// <summary>How tokens are drawn, and when to stop.</summary>
public sealed record GenerationOptions
{
    /// <summary>Most tokens that are generated.</summary>
    public int MaxNewTokens { get; init; } = 256;

    /// <summary>What the logits are divided by; 0 takes the likeliest token. The original's example: 0.1.</summary>
    public double Temperature { get; init; } = 0.1;

    /// <summary>Nucleus, in (0, 1]: see <see cref="Sampling"/>. The original's example: 0.75.</summary>
    public double TopP { get; init; } = 0.75;

    /// <summary>With the position, the only source of randomness.</summary>
    public long Seed { get; init; }

    /// <summary>Tokens that end the text; they are not part of it.</summary>
    public IReadOnlyList<int> EndTokens { get; init; } = [];

    /// <summary>Most tokens of prompt and text together; null bounds only the text.</summary>
    public int? Context { get; init; }
}
