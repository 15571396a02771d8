using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Kernels;

/// <summary>A layer's prompt and its gradients.</summary>
sealed class PromptMemory(LlamaConfig config, ScalarType operand) : Matrices(operand)
{
    /// <summary>The slots and their gradients, [K, D] fp32, and room for both as operands.</summary>
    public Matrix Slots, SlotGradients, SlotOperands;

    /// <summary>What the attention sees of it.</summary>
    public PromptHeads Heads;

    /// <summary>The gradients of keys and values as operands, [K, Hkv d].</summary>
    public Matrix KeyOperands, ValueOperands;

    /// <summary>Lays it out for so many slots; none is no prompt.</summary>
    public void Lay(int slots)
    {
        var keyWidth = config.KeyValueHeads * config.HeadDim;
        Begin();
        (Slots, SlotGradients, SlotOperands) = (Wide(slots, config.Dim), Wide(slots, config.Dim), Operand(slots, config.Dim));
        Heads = new PromptHeads(Operand(slots, keyWidth), Operand(slots, keyWidth), Wide(1, config.Heads), Wide(slots, keyWidth), Wide(slots, keyWidth), Wide(1, config.Heads));
        (KeyOperands, ValueOperands) = (Operand(slots, keyWidth), Operand(slots, keyWidth));
    }
}
