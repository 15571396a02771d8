using System.Runtime.InteropServices;
using Orchestrator.Protocol.Jobs;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Training;

/// <summary>Threads, flags and precision of libtorch: the one place where they are set.</summary>
/// <remarks>
/// What else makes a micro-batch's bits its own stands where it is computed: plain attention instead of fused kernels, a gather whose backward adds in order, an
/// optimiser in C#. libtorch's own switch for deterministic algorithms is not bound, and nothing here needs it.
/// </remarks>
public static partial class DeterministicTorch
{
    static readonly bool environmentIsSet = SetEnvironment();

    /// <summary>
    /// Makes the calling thread a worker's: its kernels use <paramref name="threads"/> threads. To be called by each worker's own thread before its first
    /// tensor; a backward pass on a CPU runs in the thread that asks for it, so one worker is one thread of the system and <paramref name="threads"/> - 1 of OpenMP's.
    /// </summary>
    /// <remarks>
    /// OpenMP's and MKL's thread counts belong to a thread; libtorch also keeps the last count that any thread has set and gives it to a thread at that thread's
    /// first kernel. So the first kernel's initialisation must be over before the count is set, or another worker's count could replace it.
    /// </remarks>
    /// <param name="threads">intra-op threads of this worker, at least 1</param>
    public static void EnterWorkerThread(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        PrepareProcess();
        _ = get_num_threads();
        set_num_threads(threads);
        if (get_num_threads() != threads)
            throw new InvalidOperationException($"libtorch computes with {get_num_threads()} threads instead of {threads}");
    }

    /// <summary>Sets what holds for the whole process. To be called before its first matrix product; loading weights and entering a thread do. Repeats change nothing.</summary>
    public static void PrepareProcess()
    {
        if (!environmentIsSet)
            throw new InvalidOperationException("the process's environment could not be set: start it with MKL_CBWR=AUTO and CUBLAS_WORKSPACE_CONFIG=:4096:8");
        OperationsRunAsWritten();
        if (!cuda.is_available())
            return;
        backends.cuda.matmul.allow_tf32 = false;
        backends.cuda.matmul.allow_fp16_reduced_precision_reduction = false;
        backends.cudnn.allow_tf32 = false;
    }

    /// <summary>libtorch's word for a precision.</summary>
    public static ScalarType TypeOf(Precision precision) => precision switch
    {
        Precision.Bf16 => ScalarType.BFloat16,
        Precision.Fp16 => ScalarType.Float16,
        _ => ScalarType.Float32,
    };

    // MKL: without it, a product with a single row sums in an order that follows where in memory its operands lie (measured: 24 of 32 alignments gave other
    // bits), so the same weights from another file layout would train another adapter. It costs no speed. cuBLAS: a workspace of fixed size, for the same reason.
    // Both libraries read the process's own environment, which .NET's copy of it does not reach.
    static bool SetEnvironment()
    {
        if (OperatingSystem.IsWindows())
            return true;
        return SetVariable("MKL_CBWR", "AUTO", overwrite: 1) == 0 && SetVariable("CUBLAS_WORKSPACE_CONFIG", ":4096:8", overwrite: 1) == 0;
    }

    // TorchScript watches a function's first calls and then runs a rewritten one: fused kernels where it can (a GPU's), formulas of its own for the backward pass,
    // and the old ones where a shape is new. Bits would follow how often something was called. Switched off, every call runs what is written. libtorch's switch
    // is a flag of the process that TorchSharp does not bind: torch::jit::getProfilingMode() gives a reference to it.
    static unsafe void OperationsRunAsWritten()
    {
        _ = get_num_threads();       // TorchSharp has loaded its libraries; on Linux and macOS its own finds what it is linked with
        var (library, name) = OperatingSystem.IsWindows()
            ? ("torch_cpu", "?getProfilingMode@jit@torch@@YAAEAU?$atomic@_N@std@@XZ")
            : ("LibTorchSharp", "_ZN5torch3jit16getProfilingModeEv");
        var profilingMode = (delegate* unmanaged<bool*>)NativeLibrary.GetExport(NativeLibrary.Load(library, typeof(TorchSharp.torch).Assembly, searchPath: null), name);
        Volatile.Write(ref *profilingMode(), false);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
