using static TorchSharp.torch;

namespace Orchestrator.Learning.Llama;

/// <summary>
/// Rotary positions (arXiv 2104.09864) in Meta's layout: neighbours <c>(x[2i], x[2i+1])</c> are turned by <c>position × θ^(-2i/d)</c>.
/// </summary>
public sealed class RotaryEmbedding(LlamaConfig config, ScalarType wideType, Device device) : IDisposable
{
    readonly ScalarType complexType = wideType == ScalarType.Float64 ? ScalarType.ComplexFloat64 : ScalarType.ComplexFloat32;
    int length;
    Tensor table = empty(0, config.HeadDim / 2, dtype: ScalarType.ComplexFloat32).DetachFromDisposeScope();

    /// <summary>The turns of all positions as complex numbers of length 1.</summary>
    /// <param name="positionsEnd">one more than the highest position that is asked for</param>
    /// <returns>[positions, d/2] complex, at least so many; valid until the next call</returns>
    public Tensor Table(int positionsEnd)
    {
        if (length < positionsEnd)
            Grow(positionsEnd);
        return table;
    }

    /// <summary>Angle per position of each pair, [d/2], in fp64; with Llama 3.1's scaling where the configuration has one.</summary>
    public static double[] Frequencies(LlamaConfig config)
    {
        var frequencies = new double[config.HeadDim / 2];
        for (var i = 0; i < frequencies.Length; i++)
        {
            var frequency = Math.Pow(config.RopeTheta, -2.0 * i / config.HeadDim);
            frequencies[i] = config.RopeScaling is { } scaling ? Scaled(frequency, scaling) : frequency;
        }
        return frequencies;
    }

    /// <inheritdoc/>
    public void Dispose() => table.Dispose();

    // Slow pairs, which turn less than LowFrequencyFactor times within the original context, are divided by Factor; fast ones stay; a ramp between.
    static double Scaled(double frequency, RopeScaling scaling)
    {
        var turnsInContext = scaling.OriginalContext * frequency / (2 * Math.PI);
        if (turnsInContext < scaling.LowFrequencyFactor)
            return frequency / scaling.Factor;
        if (turnsInContext > scaling.HighFrequencyFactor)
            return frequency;
        var kept = (turnsInContext - scaling.LowFrequencyFactor) / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        return (1 - kept) * frequency / scaling.Factor + kept * frequency;
    }

    void Grow(int positionsEnd)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        length = Math.Max(64, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)positionsEnd));
        var angles = outer(arange(length, dtype: ScalarType.Float64), tensor(Frequencies(config)));
        var grown = polar(ones_like(angles), angles).to(complexType).to(device).DetachFromDisposeScope();
        table.Dispose();
        table = grown;
    }
}
