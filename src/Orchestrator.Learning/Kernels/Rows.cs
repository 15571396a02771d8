namespace Orchestrator.Learning.Kernels;

/// <summary>Rows copied, converted and added.</summary>
static unsafe class Rows<TElement, L> where TElement : struct, IElement where L : struct, ILanes<L>
{
    /// <summary>Operands to fp32: <c>to = from[which]</c>.</summary>
    /// <param name="from">[any, D]</param>
    /// <param name="which">the row of <paramref name="from"/> for each row of <paramref name="to"/></param>
    /// <param name="to">[t, D] fp32</param>
    public static void Gather(Matrix from, ReadOnlySpan<int> which, Matrix to)
    {
        for (var row = 0; row < to.Rows; row++)
        {
            var source = from.Row(which[row]);
            var target = to.Row(row);
            for (var i = 0; i < to.Columns; i += L.Count)
                Row.Store<Fp32, L>(Row.Load<TElement, L>(source, i, to.Columns - i), target, i, to.Columns - i);
        }
    }

    /// <summary>A residual: <c>sum = x + t</c>; <paramref name="sum"/> may be <paramref name="x"/>.</summary>
    /// <param name="x">[t, D] fp32</param>
    /// <param name="t">[t, D]</param>
    /// <param name="sum">[t, D] fp32</param>
    public static void Add(Matrix x, Matrix t, Matrix sum)
    {
        for (var row = 0; row < x.Rows; row++)
        {
            var from = x.Row(row);
            var more = t.Row(row);
            var target = sum.Row(row);
            for (var i = 0; i < x.Columns; i += L.Count)
            {
                var left = x.Columns - i;
                Row.Store<Fp32, L>(Row.Load<Fp32, L>(from, i, left) + Row.Load<TElement, L>(more, i, left), target, i, left);
            }
        }
    }

    /// <summary>fp32 as an operand of products: itself where operands are fp32, else a copy.</summary>
    /// <param name="wide">[t, D] fp32</param>
    /// <param name="copy">[t, D], written where it is needed</param>
    public static Matrix Operand(Matrix wide, Matrix copy)
    {
        if (TElement.IsFp32)
            return wide;
        for (var row = 0; row < wide.Rows; row++)
        {
            var from = wide.Row(row);
            var to = copy.Row(row);
            for (var i = 0; i < wide.Columns; i += L.Count)
                Row.Store<TElement, L>(Row.Load<Fp32, L>(from, i, wide.Columns - i), to, i, wide.Columns - i);
        }
        return copy;
    }

    /// <summary>Operands to fp32.</summary>
    public static void Widen(Matrix from, Matrix to)
    {
        for (var row = 0; row < to.Rows; row++)
        {
            for (var i = 0; i < to.Columns; i += L.Count)
                Row.Store<Fp32, L>(Row.Load<TElement, L>(from.Row(row), i, to.Columns - i), to.Row(row), i, to.Columns - i);
        }
    }

    /// <summary>A row of operands added to another.</summary>
    public static void AddTo(void* sum, void* more, int count)
    {
        for (var i = 0; i < count; i += L.Count)
            Row.Store<TElement, L>(Row.Load<TElement, L>(sum, i, count - i) + Row.Load<TElement, L>(more, i, count - i), sum, i, count - i);
    }

    /// <summary>Some columns of an operand's rows, times a factor, as fp32 rows of a wider stride with zeros behind.</summary>
    /// <param name="from">[any, width]</param>
    /// <param name="row">the first row</param>
    /// <param name="column">the first column</param>
    /// <param name="factor">what each number is multiplied by</param>
    /// <param name="to">[count, stride], its columns behind <paramref name="width"/> become zero up to a whole register</param>
    /// <param name="count">rows</param>
    /// <param name="width">columns</param>
    /// <param name="stride">columns of <paramref name="to"/>, at least a whole number of registers</param>
    public static void Copy(Matrix from, int row, int column, float factor, float* to, int count, int width, int stride)
    {
        for (var r = 0; r < count; r++)
        {
            var source = from.Row(row + r);
            for (var i = 0; i < width; i += L.Count)
                (Row.Load<TElement, L>(source, column + i, width - i) * L.Of(factor)).Store(to + (nint)r * stride + i);
        }
    }
}
