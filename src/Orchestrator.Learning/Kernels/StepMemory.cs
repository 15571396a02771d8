using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Kernels;

/// <summary>Matrices that are laid out anew for each micro-batch in memory that stays.</summary>
/// <param name="operand">the type of products' operands</param>
class Matrices(ScalarType operand) : IDisposable
{
    readonly List<Storage> storages = [];
    int next;

    /// <summary>Bytes that they hold.</summary>
    public long Bytes
    {
        get
        {
            var bytes = 0L;
            foreach (var storage in storages)
                bytes += storage.Bytes;
            return bytes;
        }
    }

    /// <summary>Begins to lay out; matrices are taken in the same order each time.</summary>
    protected void Begin() => next = 0;

    /// <summary>The next matrix of fp32.</summary>
    protected Matrix Wide(int rows, int columns) => Next(ScalarType.Float32).Of(rows, columns);

    /// <summary>The next matrix of operands.</summary>
    protected Matrix Operand(int rows, int columns) => Next(operand).Of(rows, columns);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var storage in storages)
            storage.Dispose();
        storages.Clear();
    }

    Storage Next(ScalarType type)
    {
        if (next == storages.Count)
            storages.Add(new Storage(type));
        return storages[next++];
    }
}

/// <summary>What the backward pass needs of a layer's forward pass, and where a layer's gradients go.</summary>
sealed class LayerMemory(LlamaConfig config, ScalarType operand) : Matrices(operand)
{
    /// <summary>The residual stream before the layer, [rows, D] fp32, and the scales of its norm.</summary>
    public Matrix X, XScales;

    /// <summary>Turned queries, or their gradients, [queries, H d].</summary>
    public Matrix Q;

    /// <summary>Turned keys, or their gradients, and values, [rows, Hkv d].</summary>
    public Matrix K, V;

    /// <summary>The logarithms of the softmaxes' sums, [queries, H] fp32.</summary>
    public Matrix LogSums;

    /// <summary>The residual stream behind the attention, [queries, D] fp32, and the scales of its norm.</summary>
    public Matrix Middle, MiddleScales;

    /// <summary>The feed-forward network's two inner rows, or their gradients, [queries, F].</summary>
    public Matrix A, B;

    /// <summary>Lays it out.</summary>
    /// <param name="rows">rows of the micro-batch</param>
    /// <param name="queries">those that the layer's output is wanted of</param>
    /// <param name="passing">a layer whose input, keys and values are written over: nothing goes back to them. Null keeps them.</param>
    public void Lay(int rows, int queries, LayerMemory? passing = null)
    {
        var (queryWidth, keyWidth) = (config.Heads * config.HeadDim, config.KeyValueHeads * config.HeadDim);
        Begin();
        Q = Operand(queries, queryWidth);
        LogSums = Wide(queries, config.Heads);
        (Middle, MiddleScales) = (Wide(queries, config.Dim), Wide(queries, 1));
        (A, B) = (Operand(queries, config.Hidden), Operand(queries, config.Hidden));
        (X, XScales) = passing is null ? (Wide(rows, config.Dim), Wide(rows, 1)) : (passing.X, passing.XScales);
        (K, V) = passing is null ? (Operand(rows, keyWidth), Operand(rows, keyWidth)) : (passing.K, passing.V);
    }

    /// <summary>Takes a passing layer's memory: it is done when this one, the last, begins.</summary>
    /// <param name="passing">laid out for all rows</param>
    /// <param name="queries">how many of its rows are needed</param>
    public void Take(LayerMemory passing, int queries)
    {
        var first = new Stretch(0, queries);
        (X, XScales, K, V) = (passing.X, passing.XScales, passing.K, passing.V);
        (Q, LogSums, Middle, MiddleScales) = (passing.Q.Of(first), passing.LogSums.Of(first), passing.Middle.Of(first), passing.MiddleScales.Of(first));
        (A, B) = (passing.A.Of(first), passing.B.Of(first));
    }
}

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

/// <summary>What is not kept from layer to layer, of all rows.</summary>
sealed class PassMemory(LlamaConfig config, ScalarType operand) : Matrices(operand)
{
    /// <summary>The attention's output, or its gradient, [rows, H d].</summary>
    public Matrix O;

    /// <summary>The residual stream's gradient, and that of the supervised rows above the last layer's attention, fp32.</summary>
    public Matrix Gradient, SupervisedGradient;

    /// <summary>The gradients of a layer's keys and values, [rows, Hkv d] fp32.</summary>
    public Matrix KeyGradients, ValueGradients;

    /// <summary>The supervised rows behind the last layer, [supervised, D] fp32, and the scales of the last norm.</summary>
    public Matrix Top, TopScales;

    /// <summary>The last layer's normed supervised rows, or a gradient of theirs, [supervised, D].</summary>
    public Matrix Normed;

    /// <summary>The state of the loss, and the gradient it has so far.</summary>
    public Matrix LossState, LossSums;

    /// <summary>Lays it out.</summary>
    public void Lay(int rows, int supervised, bool backward)
    {
        var keyWidth = config.KeyValueHeads * config.HeadDim;
        var (rowsBack, supervisedBack) = backward ? (rows, supervised) : (0, 0);
        Begin();
        O = Operand(rows, config.Heads * config.HeadDim);
        (Gradient, SupervisedGradient) = (Wide(rowsBack, config.Dim), Wide(supervisedBack, config.Dim));
        (KeyGradients, ValueGradients) = (Wide(rowsBack, keyWidth), Wide(rowsBack, keyWidth));
        (Top, TopScales) = (Wide(supervised, config.Dim), Wide(supervised, 1));
        Normed = Operand(supervised, config.Dim);
        (LossState, LossSums) = (Wide(supervised, Vocabulary.StateColumns), Wide(supervisedBack, config.Dim));
    }
}

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
