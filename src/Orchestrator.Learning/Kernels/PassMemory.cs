using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Kernels;

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
