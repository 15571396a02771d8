namespace Orchestrator.Learning.Training;

/// <summary>The L2 norm of a gradient, and what clipping makes of it.</summary>
public static class GradientNorm
{
    /// <summary>The norm, summed in fp64 over eight lanes in a fixed order: the same bits on every processor.</summary>
    public static double Of(ReadOnlySpan<float> gradient)
    {
        double a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
        var i = 0;
        for (; i <= gradient.Length - 8; i += 8)
        {
            var x = gradient.Slice(i, 8);
            a += (double)x[0] * x[0];
            b += (double)x[1] * x[1];
            c += (double)x[2] * x[2];
            d += (double)x[3] * x[3];
            e += (double)x[4] * x[4];
            f += (double)x[5] * x[5];
            g += (double)x[6] * x[6];
            h += (double)x[7] * x[7];
        }
        for (; i < gradient.Length; i++)
            a += (double)gradient[i] * gradient[i];
        return Math.Sqrt(((a + b) + (c + d)) + ((e + f) + (g + h)));
    }

    /// <summary>What a gradient is multiplied by so that its norm is at most <paramref name="clip"/>: <c>min(1, clip / (norm + 1e-6))</c>, as PyTorch has it.</summary>
    /// <param name="norm">the gradient's norm</param>
    /// <param name="clip">the largest norm, or null not to clip</param>
    public static float Scale(double norm, double? clip) => clip is { } largest ? (float)Math.Min(1, largest / (norm + 1e-6)) : 1f;
}
