namespace Orchestrator.Learning.Kernels;

sealed unsafe partial class FrozenStep<TElement, L>
{
    // One thread's part of the backward pass, from the gradient of the last norm's output down to the lowest trained layer's prompt.
    void Backward(Team.Member me)
    {
        var (all, supervised, heads) = (me.Share(batch.Rows), me.Share(batch.Supervised), me.Share(config.KeyValueHeads));
        var memory = blocks[me.Index];
        Numbers(pass.SupervisedGradient.Of(supervised)).Clear();
        RmsNorm<TElement, L>.Backward(pass.Top.Of(supervised), norm, pass.TopScales.Of(supervised), pass.Normed.Of(supervised), pass.SupervisedGradient.Of(supervised));

        for (var layer = last; layer >= lowest; layer--)
        {
            var isLast = layer == last;
            var (its, queries) = (layers[layer], isLast ? supervised : all);
            var parts = queries.Parts(BlockMemory.RowsMax);
            for (var part = 0; part < parts; part++)
                FeedForwardBackward(layer, queries.Part(part, parts), memory, isLast ? pass.SupervisedGradient : pass.Gradient);
            me.Meet();
            attentions[me.Index].Backward(heads, isLast, its.Q, its.K, its.V, prompts[layer].Heads, pass.O, its.LogSums,
                isLast ? supervisedPositions.Filled.Span : batch.Positions.Span, pass.KeyGradients, pass.ValueGradients, promptOnly: layer == lowest);
            if (layer > lowest)
            {
                me.Meet();
                if (isLast)
                {
                    weights[last].Wq.Backward(its.Q.Of(supervised), pass.Normed.Of(supervised));
                    me.Meet();
                }
                parts = all.Parts(BlockMemory.RowsMax);
                for (var part = 0; part < parts; part++)
                    InputBackward(layer, all.Part(part, parts), memory);
            }
        }
        me.Meet();
        var layersOfMine = me.Share(last + 1 - lowest);
        for (var layer = lowest + layersOfMine.From; layer < lowest + layersOfMine.To; layer++)
            PromptBackward(layer);
    }

    // From a block's output down to the gradient of its attention's output, in pass.O; the residual stream's gradient grows by the feed-forward network's.
    void FeedForwardBackward(int layer, Stretch rows, BlockMemory memory, Matrix residual)
    {
        var (its, by, block) = (layers[layer], weights[layer], new Stretch(0, rows.Count));
        var (gradient, normed, inner, copy) = (residual.Of(rows), memory.Normed.Of(block), memory.Inner.Of(block), memory.Gradient.Of(block));
        by.W2.Backward(Rows<TElement, L>.Operand(gradient, copy), inner);
        SwiGlu<TElement, L>.Backward(its.A.Of(rows), its.B.Of(rows), inner);
        by.W1.Backward(its.A.Of(rows), normed);
        by.W3.Backward(its.B.Of(rows), normed, add: true);
        RmsNorm<TElement, L>.Backward(its.Middle.Of(rows), by.FfnNorm, its.MiddleScales.Of(rows), normed, gradient);
        by.Wo.Backward(Rows<TElement, L>.Operand(gradient, copy), pass.O.Of(rows));
    }

    // From the gradients of queries, keys and values down to the residual stream's below the layer.
    void InputBackward(int layer, Stretch rows, BlockMemory memory)
    {
        var (its, by, normed, gradient) = (layers[layer], weights[layer], memory.Normed.Of(new Stretch(0, rows.Count)), pass.Gradient.Of(rows));
        for (var row = rows.From; row < rows.To; row++)
        {
            for (var column = 0; column < its.K.Columns; column += config.HeadDim)
                rotation.TurnBack<TElement, L>((float*)pass.KeyGradients.Row(row) + column, 1, batch.Positions.Span[row], its.K.Row(row), column);
        }
        by.Wk.Backward(its.K.Of(rows), normed);
        by.Wv.Backward(Rows<TElement, L>.Operand(pass.ValueGradients.Of(rows), its.V.Of(rows)), normed, add: true);
        if (layer < last)
            by.Wq.Backward(its.Q.Of(rows), normed, add: true);
        else
            Spread(rows, normed, gradient);
        RmsNorm<TElement, L>.Backward(its.X.Of(rows), by.AttentionNorm, its.XScales.Of(rows), normed, gradient);
    }

    // The supervised rows' gradients come to the rows they are; the others had none yet.
    void Spread(Stretch rows, Matrix normed, Matrix gradient)
    {
        for (var row = 0; row < rows.Count; row++)
        {
            var supervised = supervisedAt[rows.From + row];
            var into = new Span<float>(gradient.Row(row), gradient.Columns);
            if (supervised < 0)
            {
                into.Clear();
                continue;
            }
            new ReadOnlySpan<float>(pass.SupervisedGradient.Row(supervised), into.Length).CopyTo(into);
            Rows<TElement, L>.AddTo(normed.Row(row), pass.Normed.Row(supervised), normed.Columns);
        }
    }

    void PromptBackward(int layer)
    {
        var prompt = prompts[layer];
        if (prompt.Heads.Slots == 0)
            return;
        weights[layer].Wk.Backward(Rows<TElement, L>.Operand(prompt.Heads.KeyGradients, prompt.KeyOperands), prompt.SlotOperands);
        weights[layer].Wv.Backward(Rows<TElement, L>.Operand(prompt.Heads.ValueGradients, prompt.ValueOperands), prompt.SlotOperands, add: true);
        Rows<TElement, L>.Widen(prompt.SlotOperands, prompt.SlotGradients);
    }
}
