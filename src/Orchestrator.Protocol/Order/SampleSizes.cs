namespace Orchestrator.Protocol.Order;

/// <summary>How large the training samples are: all that a step's plan needs to know of the data. Samples are numbered in file order, held-out records left out.</summary>
public interface ISampleSizes
{
    /// <summary>Tokens of the sample, BOS and EOS included.</summary>
    int Length(int sample);

    /// <summary>Tokens of the sample that the loss looks at.</summary>
    int Supervised(int sample);
}
