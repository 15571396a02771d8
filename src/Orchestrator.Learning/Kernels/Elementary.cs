using System.Runtime.CompilerServices;

namespace Orchestrator.Learning.Kernels;

/// <summary>Elementary functions of lanes.</summary>
static class Elementary
{
    /// <summary>
    /// <c>e^x</c> to 2 units in the last place: <c>x = n ln 2 + r</c>, <c>|r| ≤ ln 2 / 2</c>, a polynomial of degree 6 in r (Cephes' expf), times 2^n. Outside
    /// [-87, 88] the value at the border.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Exp<L>(L x) where L : struct, ILanes<L>
    {
        x = L.Min(L.Max(x, L.Of(-87f)), L.Of(88f));
        var n = L.Round(x * L.Of(1.44269504f));
        var r = L.FusedMultiplyAdd(n, L.Of(-0.693359375f), x);            // ln 2 in two parts: the first times n is exact
        r = L.FusedMultiplyAdd(n, L.Of(2.12194440e-4f), r);
        var p = L.FusedMultiplyAdd(L.Of(1.9875691500e-4f), r, L.Of(1.3981999507e-3f));
        p = L.FusedMultiplyAdd(p, r, L.Of(8.3334519073e-3f));
        p = L.FusedMultiplyAdd(p, r, L.Of(4.1665795894e-2f));
        p = L.FusedMultiplyAdd(p, r, L.Of(1.6666665459e-1f));
        p = L.FusedMultiplyAdd(p, r, L.Of(5.0000001201e-1f));
        p = L.FusedMultiplyAdd(p, r * r, r + L.Of(1f));
        return L.Scale(p, n);
    }

    /// <summary>The logistic function <c>1 / (1 + e^-x)</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Sigmoid<L>(L x) where L : struct, ILanes<L> => L.Of(1f) / (L.Of(1f) + Exp(L.Of(0f) - x));
}
