namespace Orchestrator.Learning.Kernels;

/// <summary>
/// Cross-entropy over a vocabulary and its gradient without the logits ever being whole, as flash attention goes over keys (arXiv 2205.14135): with pieces p of the
/// logits <c>z = n Wᵀ</c>, <c>m</c> the greatest so far and <c>e = exp(z - m)</c>, both <c>Σ e</c> and <c>Σ e W</c> are carried from piece to piece, and multiplied by
/// <c>exp(m - m')</c> when m grows. Then <c>loss = m + ln Σ e - z_label</c> and <c>dn = (Σ e W) / Σ e - W_label</c>.
/// </summary>
static unsafe class VocabularyLoss<TElement, L> where TElement : struct, IElement where L : struct, ILanes<L>
{
    const int Greatest = 0, Sum = 1, Label = 2;

    /// <summary>A piece's logits go by: the rows' state, and the part of the gradient that the piece gives.</summary>
    /// <param name="n">normed rows, [t, D]</param>
    /// <param name="labels">of the rows, [t]</param>
    /// <param name="vocabulary">the output projection</param>
    /// <param name="piece">which piece of it; pieces come in their order</param>
    /// <param name="logits">room for [t, columns of a piece]</param>
    /// <param name="state">[t, <see cref="Vocabulary.StateColumns"/>] fp32</param>
    /// <param name="sums"><c>Σ e W</c>, [t, D] fp32; no row where no gradient is wanted</param>
    /// <param name="product">room for [t, D], used where operands are not fp32</param>
    public static void Add(Matrix n, ReadOnlySpan<int> labels, Vocabulary vocabulary, int piece, Matrix logits, Matrix state, Matrix sums, Matrix product)
    {
        var columns = vocabulary.Columns[piece];
        logits = logits with { Rows = n.Rows, Columns = columns.Count };
        Product.Multiply(n, vocabulary.WeightsAcross(piece), logits);
        for (var row = 0; row < n.Rows; row++)
        {
            var z = logits.Row(row);
            var its = (float*)state.Row(row);
            var label = labels[row] - columns.From;
            if (0 <= label && label < columns.Count)
                its[Label] = TElement.LoadOne(z, label);
            var most = GreatestOf(z, columns.Count);
            if (piece == 0)
                (its[Greatest], its[Sum]) = (most, 0);
            else if (most > its[Greatest])
            {
                var less = MathF.Exp(its[Greatest] - most);
                (its[Greatest], its[Sum]) = (most, its[Sum] * less);
                if (sums.Rows > 0)
                    Multiply((float*)sums.Row(row), sums.Columns, less);
            }
            its[Sum] += Powers(z, columns.Count, its[Greatest]);
        }
        if (sums.Rows == 0)
            return;
        if (TElement.IsFp32)
            Product.Multiply(logits, vocabulary.Weights(piece), sums, add: piece > 0);
        else
        {
            Product.Multiply(logits, vocabulary.Weights(piece), product);
            if (piece == 0)
                new Span<float>(sums.Floats, sums.Rows * sums.Columns).Clear();
            Rows<TElement, L>.Add(sums, product, sums);
        }
    }

    /// <summary>The end of the rows: their losses added, and their gradients.</summary>
    /// <param name="labels">of the rows, [t]</param>
    /// <param name="output">the output projection, [V, D]</param>
    /// <param name="state">after all pieces</param>
    /// <param name="sums">after all pieces; no row where no gradient is wanted</param>
    /// <param name="dn">[t, D]</param>
    /// <returns>the sum of the losses, in nats</returns>
    public static double Finish(ReadOnlySpan<int> labels, Matrix output, Matrix state, Matrix sums, Matrix dn)
    {
        var loss = 0.0;
        for (var row = 0; row < state.Rows; row++)
        {
            var its = (float*)state.Row(row);
            loss += its[Greatest] + Math.Log(its[Sum]) - its[Label];
            if (sums.Rows == 0)
                continue;
            var sum = sums.Row(row);
            var right = output.Row(labels[row]);
            var to = dn.Row(row);
            for (var i = 0; i < sums.Columns; i += L.Count)
            {
                var left = sums.Columns - i;
                var value = Row.Load<Fp32, L>(sum, i, left) * L.Of(1 / its[Sum]) - Row.Load<TElement, L>(right, i, left);
                Row.Store<TElement, L>(value, to, i, left);
            }
        }
        return loss;
    }

    static float GreatestOf(void* z, int count)
    {
        var greatest = L.Of(float.NegativeInfinity);
        for (var i = 0; i < count; i += L.Count)
            greatest = L.Max(greatest, Row.Load<TElement, L>(z, i, count - i).First(count - i, float.NegativeInfinity));
        return greatest.Greatest();
    }

    // z becomes exp(z - m).
    static float Powers(void* z, int count, float most)
    {
        var sums = default(L);
        for (var i = 0; i < count; i += L.Count)
        {
            var power = Elementary.Exp(Row.Load<TElement, L>(z, i, count - i) - L.Of(most)).First(count - i, 0);
            sums += power;
            Row.Store<TElement, L>(power, z, i, count - i);
        }
        return sums.Sum();
    }

    static void Multiply(float* row, int count, float factor)
    {
        for (var i = 0; i < count; i += L.Count)
            Row.Store<Fp32, L>(Row.Load<Fp32, L>(row, i, count - i) * L.Of(factor), row, i, count - i);
    }
}
