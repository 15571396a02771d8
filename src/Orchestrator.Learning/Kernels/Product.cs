using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Kernels;

/// <summary>
/// Products by libtorch, into memory that is there. TorchSharp's own calls make an object for every view; these go to the same library without one.
/// </summary>
static unsafe class Product
{
    static readonly nint library = NativeLibrary.Load("LibTorchSharp", typeof(torch).Assembly, searchPath: null);
    static readonly delegate* unmanaged<nint, long*, int, long*, int, long, nint> asStrided = (delegate* unmanaged<nint, long*, int, long*, int, long, nint>)Export("THSTensor_as_strided");
    static readonly delegate* unmanaged<nint, nint, nint, float, float, void> addmm = (delegate* unmanaged<nint, nint, nint, float, float, void>)Export("THSTensor_addmm_");
    static readonly delegate* unmanaged<nint, void> dispose = (delegate* unmanaged<nint, void>)Export("THSTensor_dispose");
    static readonly delegate* unmanaged<nint> lastError = (delegate* unmanaged<nint>)Export("THSTorch_get_and_reset_last_err");

    /// <summary><c>C = A B</c>, or <c>C += A B</c>. All of one type; sums are made in fp32.</summary>
    /// <param name="a">[m, k]</param>
    /// <param name="b">[k, n], any strides</param>
    /// <param name="c">[m, n]</param>
    /// <param name="add">whether the product is added to what is in <paramref name="c"/></param>
    public static void Multiply(Matrix a, Tensor b, Matrix c, bool add = false)
    {
        if (a.Rows == 0)
            return;
        var (left, into) = (View(a), View(c));
        addmm(into, left, b.Handle, add ? 1 : 0, 1);
        dispose(left);
        dispose(into);
        ThrowIfFailed();
    }

    static nint View(Matrix matrix)
    {
        var sizes = stackalloc long[] { matrix.Rows, matrix.Columns };
        var strides = stackalloc long[] { matrix.Columns, 1 };
        var view = asStrided(matrix.Tensor, sizes, 2, strides, 2, matrix.Offset);
        if (view == 0)
            ThrowIfFailed();
        return view;
    }

    static void ThrowIfFailed()
    {
        var message = lastError();
        if (message != 0)
            throw new InvalidOperationException(Marshal.PtrToStringUTF8(message));
    }

    static nint Export(string name) => NativeLibrary.GetExport(library, name);
}
