using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Training;

/// <summary>What "equal to so many digits" means here: the largest difference against the largest value.</summary>
static class Close
{
    public static double Error(Tensor expected, Tensor actual)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected.shape, actual.shape);
        var wide = expected.to(ScalarType.Float64);
        return ((wide - actual.to(ScalarType.Float64)).abs().max() / wide.abs().max()).ToDouble();
    }

    public static double Error(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        double difference = 0, largest = 0;
        for (var i = 0; i < expected.Length; i++)
        {
            difference = Math.Max(difference, Math.Abs((double)expected[i] - actual[i]));
            largest = Math.Max(largest, Math.Abs((double)expected[i]));
        }
        return double.IsNaN(difference) ? double.PositiveInfinity : difference / largest;
    }

    public static void Within(double tolerance, double error, string what) => Assert.True(error <= tolerance, $"{what}: {error:g3} off, {tolerance:g1} allowed");
}
