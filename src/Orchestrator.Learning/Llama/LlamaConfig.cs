namespace Orchestrator.Learning.Llama;

/// <summary>The shapes of a LLaMA (arXiv 2302.13971, 2307.09288, 2407.21783), from <c>params.json</c> or <c>config.json</c> and the weights.</summary>
public sealed record LlamaConfig
{
    /// <summary>Width of the residual stream, D.</summary>
    public required int Dim { get; init; }

    /// <summary>Number of blocks, N.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads, H.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads; equal to <see cref="Heads"/> without grouped queries.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Width of a head, d.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Width of the feed-forward network, F.</summary>
    public required int Hidden { get; init; }

    /// <summary>Pieces of the vocabulary, V: rows of the embedding.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Added to the mean square in RMSNorm.</summary>
    public required double NormEpsilon { get; init; }

    /// <summary>Base of the rotary angles.</summary>
    public double RopeTheta { get; init; } = 10_000;

    /// <summary>Llama 3.1's scaled frequencies; null leaves them as they are.</summary>
    public RopeScaling? RopeScaling { get; init; }

    /// <summary>Whether the output projection is the embedding.</summary>
    public bool TiedOutput { get; init; }

    /// <summary>Token numbers the base's own configuration names as its end, beside the tokenizer's.</summary>
    public IReadOnlyList<int> EndTokens { get; init; } = [];
}

/// <summary>Llama 3.1's rule for long contexts: low frequencies are divided, the highest stay, between them is a ramp.</summary>
public sealed record RopeScaling(double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalContext);
