namespace Orchestrator.Learning.Adapters;

/// <summary>
/// How a method that only adds prompts to a base it leaves as it is reads them from its numbers, and what a prompt's gradient is for them. With it the step is
/// computed by kernels whose backward pass is written out.
/// </summary>
public interface IPromptGradient
{
    /// <summary>Slots of a layer's prompt, K; 0 where it has none.</summary>
    int Slots(int layer);

    /// <summary>Reads a layer's prompt.</summary>
    /// <param name="layer">one with slots</param>
    /// <param name="vector">the trained numbers, in the layout's order</param>
    /// <param name="slots">[K, D], written</param>
    /// <param name="gates">what the prompt's part of each head's output is multiplied by, [H], written</param>
    void Read(int layer, ReadOnlySpan<float> vector, Span<float> slots, Span<float> gates);

    /// <summary>Adds a layer's part of the gradient of the trained numbers.</summary>
    /// <param name="layer">one with slots</param>
    /// <param name="vector">the trained numbers</param>
    /// <param name="slotGradients">[K, D]</param>
    /// <param name="gateGradients">of what <see cref="Read"/> wrote, [H]</param>
    /// <param name="gradient">in the layout's order, added to</param>
    void AddGradient(int layer, ReadOnlySpan<float> vector, ReadOnlySpan<float> slotGradients, ReadOnlySpan<float> gateGradients, Span<float> gradient);
}
