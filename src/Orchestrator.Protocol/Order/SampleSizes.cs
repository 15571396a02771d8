namespace Orchestrator.Protocol.Order;

/// <summary>
/// How large the training samples are, and what computing them costs: all that a step's plan needs to know of data and base. Samples are numbered in file order,
/// held-out records left out.
/// </summary>
public interface ISampleSizes
{
    /// <summary>Tokens of the sample, BOS and EOS included.</summary>
    int Length(int sample);

    /// <summary>Tokens of the sample that the loss looks at.</summary>
    int Supervised(int sample);

    /// <summary>Tokens that both samples begin with and that are computed once where both are in a micro-batch.</summary>
    int Shared(int sample, int other);

    /// <summary>What a token costs.</summary>
    TokenCost Cost { get; }
}
