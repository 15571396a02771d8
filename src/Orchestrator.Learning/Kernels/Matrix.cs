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
