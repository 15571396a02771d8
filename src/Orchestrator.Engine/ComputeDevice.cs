using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Kernels;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;
using static TorchSharp.torch;

namespace Orchestrator.Engine;

/// <summary>What a worker computes on, and how its kind is named: bits are promised among workers of one kind.</summary>
public static class ComputeDevice
{
    /// <summary>The kind that a spec means here: what it says, or a GPU where there is one.</summary>
    /// <exception cref="ProblemException">a GPU is asked for and there is none</exception>
    public static DeviceKind KindOf(DeviceSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec.Kind == DeviceKind.Cpu)
            return DeviceKind.Cpu;
        var hasGpu = cuda.is_available();
        if (spec.Kind == DeviceKind.Cuda && !hasGpu)
        {
            throw new ProblemException("device.kind", "cuda, but libtorch sees no GPU here", "a machine with an NVIDIA GPU and a build for it",
                "build with -p:Device=cuda, or set device.kind: cpu");
        }
        return hasGpu ? DeviceKind.Cuda : DeviceKind.Cpu;
    }

    /// <summary>The type of the base's weights: what the spec says, or fp32 on a CPU and bf16 on a GPU.</summary>
    public static Precision PrecisionOf(JobSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return spec.Model.Precision ?? (KindOf(spec.Device) == DeviceKind.Cuda ? Precision.Bf16 : Precision.Fp32);
    }

    /// <summary>libtorch's name of a worker's device; slots take the GPUs in turn.</summary>
    public static string NameOf(JobSpec spec, int slot)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return KindOf(spec.Device) == DeviceKind.Cpu ? "cpu" : string.Create(CultureInfo.InvariantCulture, $"cuda:{slot % cuda.device_count()}");
    }

    /// <summary>The kernels that a spec means here: what it says, or the fast ones where they can compute the job.</summary>
    /// <exception cref="ProblemException">the fast ones are asked for and cannot</exception>
    public static KernelKind KernelsOf(JobSpec spec, IAdapter method)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec.Device.Kernels == KernelKind.Reference)
            return KernelKind.Reference;
        var device = KindOf(spec.Device) == DeviceKind.Cpu ? TorchSharp.DeviceType.CPU : TorchSharp.DeviceType.CUDA;
        if (FastKernels.Obstacle(DeterministicTorch.TypeOf(PrecisionOf(spec)), device, method) is not { } obstacle)
            return KernelKind.Fast;
        if (spec.Device.Kernels == KernelKind.Fast)
            throw new ProblemException("device.kernels", $"fast, but {obstacle}", "reference, or null for whichever can compute the job");
        return KernelKind.Reference;
    }

    /// <summary>The kind in full: <c>cpu AuthenticAMD-25-17-avx512bf16 fp32 fast threads-1 libtorch-2.10.0</c>.</summary>
    public static string Describe(JobSpec spec, IAdapter method)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var kernels = KernelsOf(spec, method).ToString().ToLowerInvariant();
        var device = KindOf(spec.Device) == DeviceKind.Cuda ? "cuda " + GpuName() : "cpu " + ProcessorName();
        var precision = PrecisionOf(spec).ToString().ToLowerInvariant();
        return string.Create(CultureInfo.InvariantCulture, $"{device} {precision} {kernels} threads-{spec.Device.Threads} libtorch-{__version__}");
    }

    /// <summary>How many GPUs libtorch sees here.</summary>
    public static int Gpus => cuda.is_available() ? cuda.device_count() : 0;

    /// <summary>
    /// What a process computes on unless a spec says otherwise, without what a spec decides: <c>cpu AuthenticAMD-25-17-avx512bf16 libtorch-2.10.0</c>. Two processes with the same text
    /// give the same bits.
    /// </summary>
    public static string DescribeProcess()
        => $"{(cuda.is_available() ? "cuda " + GpuName() : "cpu " + ProcessorName())} libtorch-{__version__}";

    static string GpuName() => "nvidia";

    static string ProcessorName()
    {
        if (!X86Base.IsSupported)
            return RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        var (_, b, c, d) = X86Base.CpuId(0, 0);
        var vendor = Encoding.ASCII.GetString(MemoryMarshal.AsBytes<int>([b, d, c]));
        var signature = X86Base.CpuId(1, 0).Eax;
        var family = ((signature >> 8) & 0xF) + ((signature >> 20) & 0xFF);
        var model = ((signature >> 4) & 0xF) | ((signature >> 12) & 0xF0);
        var widest = Avx512F.IsSupported ? FastKernels.HasBf16Products ? "avx512bf16" : "avx512" : Avx2.IsSupported ? "avx2" : "sse";
        return string.Create(CultureInfo.InvariantCulture, $"{vendor}-{family}-{model}-{widest}");
    }
}
