using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Kernels;

/// <summary>What one thread needs for a block of rows.</summary>
sealed class BlockMemory(LlamaConfig config, ScalarType operand) : Matrices(operand)
{
    /// <summary>Most rows of a block: what lies between two products stays in a core's cache.</summary>
    public const int RowsMax = 512;

    /// <summary>Normed rows or their gradient; a product; a gradient as an operand: [block, D].</summary>
    public Matrix Normed, Product, Gradient;

    /// <summary>The feed-forward network's inner row or its gradient, [block, F].</summary>
    public Matrix Inner;

    /// <summary>A piece of the logits, [block, piece].</summary>
    public Matrix Logits;

    /// <summary>Lays it out for blocks of at most so many rows.</summary>
    public void Lay(int rows)
    {
        Begin();
        (Normed, Product, Gradient) = (Operand(rows, config.Dim), Operand(rows, config.Dim), Operand(rows, config.Dim));
        Inner = Operand(rows, config.Hidden);
        Logits = Operand(rows, Math.Min(Vocabulary.PieceMax, config.Vocabulary));
    }
}
