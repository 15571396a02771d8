namespace Orchestrator.Learning.Kernels;

/// <summary>RMSNorm (arXiv 1910.07467) of the rows of an fp32 residual stream, and its gradient.</summary>
static unsafe class RmsNorm<TElement, L> where TElement : struct, IElement where L : struct, ILanes<L>
{
    /// <summary><c>n = x s ∘ w</c> with <c>s = 1 / sqrt(mean(x²) + ε)</c>.</summary>
    /// <param name="x">[t, D] fp32</param>
    /// <param name="weight">w, [D]</param>
    /// <param name="epsilon">ε</param>
    /// <param name="n">[t, D]</param>
    /// <param name="scales">s, [t, 1] fp32: what the gradient needs</param>
    public static void Forward(Matrix x, float* weight, float epsilon, Matrix n, Matrix scales)
    {
        var width = x.Columns;
        for (var row = 0; row < x.Rows; row++)
        {
            var from = (float*)x.Row(row);
            var to = n.Row(row);
            var squares = default(L);
            for (var i = 0; i < width; i += L.Count)
            {
                var value = Row.Load<Fp32, L>(from, i, width - i);
                squares = L.FusedMultiplyAdd(value, value, squares);
            }
            var scale = 1 / MathF.Sqrt(squares.Sum() / width + epsilon);
            scales.Floats[row] = scale;
            for (var i = 0; i < width; i += L.Count)
            {
                var value = Row.Load<Fp32, L>(from, i, width - i) * L.Of(scale) * Row.Load<Fp32, L>(weight, i, width - i);
                Row.Store<TElement, L>(value, to, i, width - i);
            }
        }
    }

    /// <summary><c>dx += s (dn ∘ w) - x s³ / D Σ (dn ∘ w ∘ x)</c>.</summary>
    /// <param name="x">what the norm was taken of, [t, D] fp32</param>
    /// <param name="weight">w, [D]</param>
    /// <param name="scales">s, [t, 1] fp32</param>
    /// <param name="dn">[t, D]</param>
    /// <param name="dx">[t, D] fp32, added to</param>
    public static void Backward(Matrix x, float* weight, Matrix scales, Matrix dn, Matrix dx)
    {
        var width = x.Columns;
        for (var row = 0; row < x.Rows; row++)
        {
            var from = (float*)x.Row(row);
            var gradient = dn.Row(row);
            var into = (float*)dx.Row(row);
            var products = default(L);
            for (var i = 0; i < width; i += L.Count)
            {
                var weighted = Row.Load<TElement, L>(gradient, i, width - i) * Row.Load<Fp32, L>(weight, i, width - i);
                products = L.FusedMultiplyAdd(weighted, Row.Load<Fp32, L>(from, i, width - i), products);
            }
            var scale = scales.Floats[row];
            var (along, back) = (L.Of(scale), L.Of(-scale * scale * scale / width * products.Sum()));
            for (var i = 0; i < width; i += L.Count)
            {
                var weighted = Row.Load<TElement, L>(gradient, i, width - i) * Row.Load<Fp32, L>(weight, i, width - i);
                var sum = L.FusedMultiplyAdd(weighted, along, Row.Load<Fp32, L>(into, i, width - i));
                Row.Store<Fp32, L>(L.FusedMultiplyAdd(Row.Load<Fp32, L>(from, i, width - i), back, sum), into, i, width - i);
            }
        }
    }
}
