using Orchestrator.Protocol.Jobs;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Training;

/// <summary>Threads, flags and precision of libtorch: the one place where they are set.</summary>
public static class DeterministicTorch
{
    /// <summary>
    /// Makes the calling thread a worker's: its kernels use <paramref name="threads"/> threads, are deterministic, and round nothing to TF32. To be called by
    /// each worker's own thread before its first tensor; a backward pass on a CPU runs in the thread that asks for it.
    /// </summary>
    /// <remarks>
    /// OpenMP's and MKL's thread counts belong to a thread; libtorch also keeps the last count that any thread has set and gives it to a thread at that thread's
    /// first kernel. So the first kernel's initialisation must be over before the count is set, or another worker's count could replace it.
    /// </remarks>
    /// <param name="threads">intra-op threads of this worker, at least 1</param>
    public static void EnterWorkerThread(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        SetFlags();
        _ = get_num_threads();
        set_num_threads(threads);
        if (get_num_threads() != threads)
            throw new InvalidOperationException($"libtorch computes with {get_num_threads()} threads instead of {threads}");
    }

    /// <summary>Sets what holds for the whole process. Repeats change nothing.</summary>
    public static void SetFlags()
    {
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
}
