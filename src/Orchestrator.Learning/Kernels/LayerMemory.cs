using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Kernels;

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
