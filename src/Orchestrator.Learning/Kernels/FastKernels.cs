using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Llama;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Kernels;

/// <summary>Where the kernels can compute, and the ones for a processor and a base.</summary>
public static class FastKernels
{
    /// <summary>Whether products in bf16 have an instruction here (AVX512_BF16); without one libtorch makes them in a loop, some fifty times slower.</summary>
    public static bool HasBf16Products { get; } = X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax >> 5 & 1) == 1;

    /// <summary>Why the kernels cannot compute this, or null where they can.</summary>
    /// <param name="type">of the base's weights</param>
    /// <param name="device">where they are</param>
    /// <param name="method">what is trained</param>
    public static string? Obstacle(ScalarType type, DeviceType device, IAdapter method)
    {
        ArgumentNullException.ThrowIfNull(method);
        if (device != DeviceType.CPU)
            return "they are for processors";
        if (!Vector256.IsHardwareAccelerated)
            return "they need vectors of 256 bits, as AVX2 has them";
        if (method.PromptGradient is null)
            return "the method's backward pass is not written out";
        return type switch
        {
            ScalarType.Float32 => null,
            ScalarType.BFloat16 => HasBf16Products ? null : "this processor has no instruction for products in bf16",
            _ => "they compute in fp32 and bf16",
        };
    }

    /// <summary>The kernels for a base and a method without an <see cref="Obstacle"/>.</summary>
    internal static IFrozenStep Of(LlamaWeights weights, IAdapter method, int threads)
    {
        if (Obstacle(weights.Type, weights.Device.type, method) is { } obstacle)
            throw new NotSupportedException($"no fast kernels here: {obstacle}");
        return (weights.Type == ScalarType.BFloat16, Vector512.IsHardwareAccelerated) switch
        {
            (false, false) => new FrozenStep<Fp32, Lanes256>(weights, method.PromptGradient!, method.LowestTrainedLayer, threads),
            (false, true) => new FrozenStep<Fp32, Lanes512>(weights, method.PromptGradient!, method.LowestTrainedLayer, threads),
            (true, false) => new FrozenStep<Bf16, Lanes256>(weights, method.PromptGradient!, method.LowestTrainedLayer, threads),
            (true, true) => new FrozenStep<Bf16, Lanes512>(weights, method.PromptGradient!, method.LowestTrainedLayer, threads),
        };
    }
}
