namespace Orchestrator.Learning.Kernels;

/// <summary>The gated unit of the feed-forward network, SwiGLU (arXiv 2002.05202), and its gradient.</summary>
static unsafe class SwiGlu<TElement, L> where TElement : struct, IElement where L : struct, ILanes<L>
{
    /// <summary><c>s = a σ(a) ∘ b</c>.</summary>
    /// <param name="a">[t, F]</param>
    /// <param name="b">[t, F]</param>
    /// <param name="s">[t, F]</param>
    public static void Forward(Matrix a, Matrix b, Matrix s)
    {
        var width = a.Columns;
        for (var row = 0; row < a.Rows; row++)
        {
            var gates = a.Row(row);
            var values = b.Row(row);
            var products = s.Row(row);
            for (var i = 0; i < width; i += L.Count)
            {
                var gate = Row.Load<TElement, L>(gates, i, width - i);
                var value = Row.Load<TElement, L>(values, i, width - i);
                Row.Store<TElement, L>(gate * Elementary.Sigmoid(gate) * value, products, i, width - i);
            }
        }
    }

    /// <summary><c>db = ds ∘ a σ(a)</c> and <c>da = ds ∘ b ∘ σ(a) (1 + a - a σ(a))</c>, in the place of b and a.</summary>
    /// <param name="a">[t, F]; da afterwards</param>
    /// <param name="b">[t, F]; db afterwards</param>
    /// <param name="ds">[t, F]</param>
    public static void Backward(Matrix a, Matrix b, Matrix ds)
    {
        var width = a.Columns;
        for (var row = 0; row < a.Rows; row++)
        {
            var gates = a.Row(row);
            var values = b.Row(row);
            var gradients = ds.Row(row);
            for (var i = 0; i < width; i += L.Count)
            {
                var gate = Row.Load<TElement, L>(gates, i, width - i);
                var value = Row.Load<TElement, L>(values, i, width - i);
                var gradient = Row.Load<TElement, L>(gradients, i, width - i);
                var open = Elementary.Sigmoid(gate);
                var silu = gate * open;
                Row.Store<TElement, L>(gradient * silu, values, i, width - i);
                Row.Store<TElement, L>(gradient * value * open * (L.Of(1f) + gate - silu), gates, i, width - i);
            }
        }
    }
}
