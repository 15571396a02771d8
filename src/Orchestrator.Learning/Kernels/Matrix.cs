using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Kernels;

/// <summary>Rows of numbers, one behind another, in a storage: as the kernels see them, and as libtorch's products do.</summary>
/// <param name="Tensor">handle of the flat tensor they lie in</param>
/// <param name="First">the tensor's first number</param>
/// <param name="Offset">elements before the first row</param>
/// <param name="Rows">how many rows there are</param>
/// <param name="Columns">numbers of a row</param>
/// <param name="Size">bytes of a number</param>
readonly unsafe record struct Matrix(nint Tensor, nint First, long Offset, int Rows, int Columns, int Size)
{
    /// <summary>A contiguous tensor on the CPU as it lies in memory.</summary>
    /// <param name="tensor">[rows, columns]; it outlives the matrix</param>
    public static Matrix Over(Tensor tensor)
        => new(tensor.Handle, (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes)), 0, (int)tensor.shape[0], (int)tensor.shape[1], (int)tensor.ElementSize);

    /// <summary>The first number of the first row.</summary>
    public void* Start => (byte*)First + Offset * Size;

    /// <summary>The rows as fp32.</summary>
    public float* Floats => (float*)Start;

    /// <summary>A row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void* Row(int row) => (byte*)First + (Offset + (long)row * Columns) * Size;

    /// <summary>The rows from <paramref name="range"/>'s first up to its end.</summary>
    public Matrix Of(Stretch range) => this with { Offset = Offset + (long)range.From * Columns, Rows = range.Count };
}

/// <summary>Numbers from one up to another: rows, heads or layers.</summary>
/// <param name="From">the first</param>
/// <param name="To">one behind the last</param>
readonly record struct Stretch(int From, int To)
{
    /// <summary>How many there are.</summary>
    public int Count => To - From;

    /// <summary>How many equal parts of at most <paramref name="most"/> it takes.</summary>
    public int Parts(int most) => (Count + most - 1) / most;

    /// <summary>One of <paramref name="parts"/> nearly equal parts.</summary>
    public Stretch Part(int index, int parts) => new(From + (int)((long)Count * index / parts), From + (int)((long)Count * (index + 1) / parts));
}

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
