using System.Numerics;
using System.Runtime.InteropServices;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Learning.Training;

/// <summary>
/// Adam with decoupled weight decay (arXiv 1711.05101) over a part of the flat vector, as PyTorch computes it. Element by element, without fused
/// multiplications: the same bits whatever the width of the processor's vectors.
/// </summary>
/// <param name="training">betas, epsilon, decay</param>
public sealed class AdamW(TrainingSpec training)
{
    readonly double beta1 = training.Betas[0];
    readonly double beta2 = training.Betas[1];

    /// <summary>One update of a part of the vector that decays as a whole or not at all.</summary>
    /// <param name="step">number of this update, from 1</param>
    /// <param name="learningRate">of this update</param>
    /// <param name="scale">what the gradient is multiplied by first (clipping)</param>
    /// <param name="decays">whether the weight decay acts</param>
    /// <param name="gradient">[n]</param>
    /// <param name="parameters">[n]</param>
    /// <param name="firstMoments">[n]</param>
    /// <param name="secondMoments">[n]</param>
    public void Update(long step, double learningRate, float scale, bool decays, ReadOnlySpan<float> gradient,
        Span<float> parameters, Span<float> firstMoments, Span<float> secondMoments)
    {
        var n = gradient.Length;
        if (parameters.Length != n || firstMoments.Length != n || secondMoments.Length != n)
            throw new ArgumentException($"{parameters.Length}, {firstMoments.Length} and {secondMoments.Length} numbers for a gradient of {n}", nameof(parameters));
        var factors = new Factors(
            Scale: scale,
            Kept: (float)(decays ? 1 - learningRate * training.WeightDecay : 1),
            Lerp1: (float)(1 - beta1),
            Beta2: (float)beta2,
            Rest2: (float)(1 - beta2),
            Root: (float)Math.Sqrt(1 - Power(beta2, step)),
            Epsilon: (float)training.Epsilon,
            Size: (float)(learningRate / (1 - Power(beta1, step))));

        var whole = n - n % Vector<float>.Count;
        var g = MemoryMarshal.Cast<float, Vector<float>>(gradient[..whole]);
        var p = MemoryMarshal.Cast<float, Vector<float>>(parameters[..whole]);
        var m = MemoryMarshal.Cast<float, Vector<float>>(firstMoments[..whole]);
        var v = MemoryMarshal.Cast<float, Vector<float>>(secondMoments[..whole]);
        for (var i = 0; i < g.Length; i++)
            (p[i], m[i], v[i]) = Next(factors, g[i], p[i], m[i], v[i]);
        for (var i = whole; i < n; i++)
        {
            var (pi, mi, vi) = Next(factors, new Vector<float>(gradient[i]), new Vector<float>(parameters[i]), new Vector<float>(firstMoments[i]), new Vector<float>(secondMoments[i]));
            (parameters[i], firstMoments[i], secondMoments[i]) = (pi[0], mi[0], vi[0]);
        }
    }

    static (Vector<float> P, Vector<float> M, Vector<float> V) Next(in Factors f, Vector<float> gradient, Vector<float> p, Vector<float> m, Vector<float> v)
    {
        var g = gradient * f.Scale;
        m += (g - m) * f.Lerp1;
        v = v * f.Beta2 + g * g * f.Rest2;
        var size = m / (Vector.SquareRoot(v) / new Vector<float>(f.Root) + new Vector<float>(f.Epsilon));
        return (p * f.Kept - size * f.Size, m, v);
    }

    // By squaring, not Math.Pow: the same bits on every platform.
    static double Power(double x, long n)
    {
        var power = 1.0;
        for (; n > 0; n >>= 1, x *= x)
        {
            if ((n & 1) == 1)
                power *= x;
        }
        return power;
    }

    readonly record struct Factors(float Scale, float Kept, float Lerp1, float Beta2, float Rest2, float Root, float Epsilon, float Size);
}
