using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Kernels;

/// <summary>The memory of a matrix that is filled anew for each micro-batch: as large as the largest so far has needed.</summary>
sealed unsafe class Storage(ScalarType type) : IDisposable
{
    readonly int size = type == ScalarType.BFloat16 ? sizeof(ushort) : sizeof(float);
    Tensor memory = empty(0, dtype: type).DetachFromDisposeScope();
    long capacity;

    /// <summary>Bytes that it holds.</summary>
    public long Bytes => capacity * size;

    /// <summary>A matrix in it. What was in it before may be gone.</summary>
    public Matrix Of(int rows, int columns)
    {
        var count = (long)rows * columns;
        if (count > capacity)
        {
            memory.Dispose();
            memory = empty(count, dtype: type).DetachFromDisposeScope();
            capacity = count;
        }
        return new Matrix(memory.Handle, capacity == 0 ? 0 : (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(memory.bytes)), 0, rows, columns, size);
    }

    /// <inheritdoc/>
    public void Dispose() => memory.Dispose();
}
