using System.Runtime.CompilerServices;

namespace Orchestrator.Learning.Kernels;

/// <summary>
/// Small fp32 products in the memory of one attention head, where a call into a library would cost as much as the product: six rows times two registers of
/// columns are summed in registers.
/// </summary>
static unsafe class TileProduct<L> where L : struct, ILanes<L>
{
    /// <summary>Rows of a tile, which the rows of a product must be a multiple of.</summary>
    public const int Rows = HeadMemory.TileRows;

    /// <summary><c>C = A B</c>, or <c>C += A B</c>.</summary>
    /// <param name="a">A, [m, k]</param>
    /// <param name="aRow">from one row of A to the next</param>
    /// <param name="aColumn">from one column of A to the next: 1, or A is the transpose of what is in memory</param>
    /// <param name="b">B, [k, n]</param>
    /// <param name="bRow">from one row of B to the next</param>
    /// <param name="c">C, [m, n]</param>
    /// <param name="cRow">from one row of C to the next</param>
    /// <param name="m">a multiple of <see cref="Rows"/></param>
    /// <param name="n">a multiple of the lanes</param>
    /// <param name="k">any</param>
    /// <param name="add">whether the product is added to what is in C</param>
    public static void Multiply(float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int m, int n, int k, bool add)
    {
        if (m % Rows != 0 || n % L.Count != 0)
            throw new ArgumentException($"[{m}, {n}] is no whole number of tiles of [{Rows}, {L.Count}]", nameof(m));
        for (var row = 0; row < m; row += Rows)
        {
            var column = 0;
            for (; column <= n - 2 * L.Count; column += 2 * L.Count)
                Wide(a + row * aRow, aRow, aColumn, b + column, bRow, c + row * cRow + column, cRow, k, add);
            if (column < n)
                Narrow(a + row * aRow, aRow, aColumn, b + column, bRow, c + row * cRow + column, cRow, k, add);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Wide(float* a0, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int k, bool add)
    {
        float* a1 = a0 + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow, a5 = a4 + aRow;
        L c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        L c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        nint at = 0;
        for (var i = 0; i < k; i++, at += aColumn, b += bRow)
        {
            var (b0, b1) = (L.Load(b), L.Load(b + L.Count));
            var x = L.Of(a0[at]);
            c00 = L.FusedMultiplyAdd(x, b0, c00);
            c01 = L.FusedMultiplyAdd(x, b1, c01);
            x = L.Of(a1[at]);
            c10 = L.FusedMultiplyAdd(x, b0, c10);
            c11 = L.FusedMultiplyAdd(x, b1, c11);
            x = L.Of(a2[at]);
            c20 = L.FusedMultiplyAdd(x, b0, c20);
            c21 = L.FusedMultiplyAdd(x, b1, c21);
            x = L.Of(a3[at]);
            c30 = L.FusedMultiplyAdd(x, b0, c30);
            c31 = L.FusedMultiplyAdd(x, b1, c31);
            x = L.Of(a4[at]);
            c40 = L.FusedMultiplyAdd(x, b0, c40);
            c41 = L.FusedMultiplyAdd(x, b1, c41);
            x = L.Of(a5[at]);
            c50 = L.FusedMultiplyAdd(x, b0, c50);
            c51 = L.FusedMultiplyAdd(x, b1, c51);
        }
        Put(c00, c01, c, add);
        Put(c10, c11, c + cRow, add);
        Put(c20, c21, c + 2 * cRow, add);
        Put(c30, c31, c + 3 * cRow, add);
        Put(c40, c41, c + 4 * cRow, add);
        Put(c50, c51, c + 5 * cRow, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Narrow(float* a0, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int k, bool add)
    {
        float* a1 = a0 + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow, a5 = a4 + aRow;
        L c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default;
        nint at = 0;
        for (var i = 0; i < k; i++, at += aColumn, b += bRow)
        {
            var b0 = L.Load(b);
            c0 = L.FusedMultiplyAdd(L.Of(a0[at]), b0, c0);
            c1 = L.FusedMultiplyAdd(L.Of(a1[at]), b0, c1);
            c2 = L.FusedMultiplyAdd(L.Of(a2[at]), b0, c2);
            c3 = L.FusedMultiplyAdd(L.Of(a3[at]), b0, c3);
            c4 = L.FusedMultiplyAdd(L.Of(a4[at]), b0, c4);
            c5 = L.FusedMultiplyAdd(L.Of(a5[at]), b0, c5);
        }
        Put(c0, c, add);
        Put(c1, c + cRow, add);
        Put(c2, c + 2 * cRow, add);
        Put(c3, c + 3 * cRow, add);
        Put(c4, c + 4 * cRow, add);
        Put(c5, c + 5 * cRow, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Put(L first, L second, float* c, bool add)
    {
        Put(first, c, add);
        Put(second, c + L.Count, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Put(L sum, float* c, bool add) => (add ? sum + L.Load(c) : sum).Store(c);
}
