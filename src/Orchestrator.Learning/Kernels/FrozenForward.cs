namespace Orchestrator.Learning.Kernels;

sealed unsafe partial class FrozenStep<TElement, L>
{
    // One thread's part of the forward pass. It meets the others before it reads rows or heads that they have written.
    void Forward(Team.Member me, bool goesBack)
    {
        var (all, supervised, heads) = (me.Share(batch.Rows), me.Share(batch.Supervised), me.Share(config.KeyValueHeads));
        var (memory, attention) = (blocks[me.Index], attentions[me.Index]);
        var layersOfMine = me.Share(last + 1 - lowest);
        var positions = batch.Positions.Span;
        for (var layer = lowest + layersOfMine.From; layer < lowest + layersOfMine.To; layer++)
            ProjectPrompt(layer);
        Rows<TElement, L>.Gather(embedding, batch.Tokens.Span[all.From..all.To], layers[0].X.Of(all));

        for (var layer = 0; layer < last; layer++)
        {
            var (its, by) = (layers[layer], weights[layer]);
            var parts = all.Parts(BlockMemory.RowsMax);
            for (var part = 0; part < parts; part++)
            {
                var rows = all.Part(part, parts);
                var normed = NormedInput(layer, rows, memory);
                by.Wq.Forward(normed, its.Q.Of(rows));
                rotation.Turn<TElement, L>(its.Q.Of(rows), positions[rows.From..rows.To]);
                KeysAndValues(layer, rows, normed);
            }
            me.Meet();
            attention.Forward(heads, supervised: false, its.Q, its.K, its.V, prompts[layer].Heads, pass.O, its.LogSums);
            me.Meet();
            for (var part = 0; part < parts; part++)
            {
                var rows = all.Part(part, parts);
                by.Wo.Forward(pass.O.Of(rows), memory.Product.Of(new Stretch(0, rows.Count)));
                Rows<TElement, L>.Add(its.X.Of(rows), memory.Product.Of(new Stretch(0, rows.Count)), its.Middle.Of(rows));
                FeedForward(layer, rows, memory, layers[layer + 1].X.Of(rows));
            }
        }
        ForwardLast(me, all, supervised, heads);
        losses[me.Index] = Head(supervised, memory, goesBack);
    }

    // Of the last layer, keys and values of all rows are needed, and all else of the supervised ones.
    void ForwardLast(Team.Member me, Stretch all, Stretch supervised, Stretch heads)
    {
        var (its, by, memory) = (layers[last], weights[last], blocks[me.Index]);
        var parts = all.Parts(BlockMemory.RowsMax);
        for (var part = 0; part < parts; part++)
        {
            var rows = all.Part(part, parts);
            KeysAndValues(last, rows, NormedInput(last, rows, memory));
        }
        me.Meet();
        parts = supervised.Parts(BlockMemory.RowsMax);
        for (var part = 0; part < parts; part++)
        {
            var rows = supervised.Part(part, parts);
            var which = batch.SupervisedRows.Span[rows.From..rows.To];
            var normed = memory.Normed.Of(new Stretch(0, rows.Count));
            Rows<Fp32, L>.Gather(its.X, which, its.Middle.Of(rows));
            RmsNorm<TElement, L>.Forward(its.Middle.Of(rows), by.AttentionNorm, epsilon, normed, its.MiddleScales.Of(rows));
            by.Wq.Forward(normed, its.Q.Of(rows));
            rotation.Turn<TElement, L>(its.Q.Of(rows), supervisedPositions.Filled.Span[rows.From..rows.To]);
        }
        me.Meet();
        attentions[me.Index].Forward(heads, supervised: true, its.Q, its.K, its.V, prompts[last].Heads, pass.O, its.LogSums);
        me.Meet();
        for (var part = 0; part < parts; part++)
        {
            var rows = supervised.Part(part, parts);
            var product = memory.Product.Of(new Stretch(0, rows.Count));
            by.Wo.Forward(pass.O.Of(rows), product);
            Rows<TElement, L>.Add(its.Middle.Of(rows), product, its.Middle.Of(rows));
            FeedForward(last, rows, memory, pass.Top.Of(rows));
        }
    }

    Matrix NormedInput(int layer, Stretch rows, BlockMemory memory)
    {
        var normed = memory.Normed.Of(new Stretch(0, rows.Count));
        RmsNorm<TElement, L>.Forward(layers[layer].X.Of(rows), weights[layer].AttentionNorm, epsilon, normed, layers[layer].XScales.Of(rows));
        return normed;
    }

    void KeysAndValues(int layer, Stretch rows, Matrix normed)
    {
        var (its, by) = (layers[layer], weights[layer]);
        by.Wk.Forward(normed, its.K.Of(rows));
        by.Wv.Forward(normed, its.V.Of(rows));
        rotation.Turn<TElement, L>(its.K.Of(rows), batch.Positions.Span[rows.From..rows.To]);
    }

    // x = h + W2 (silu(W1 n) ∘ W3 n), n = RMSNorm(h)
    void FeedForward(int layer, Stretch rows, BlockMemory memory, Matrix x)
    {
        var (its, by, block) = (layers[layer], weights[layer], new Stretch(0, rows.Count));
        var (middle, normed, inner, product) = (its.Middle.Of(rows), memory.Normed.Of(block), memory.Inner.Of(block), memory.Product.Of(block));
        RmsNorm<TElement, L>.Forward(middle, by.FfnNorm, epsilon, normed, its.MiddleScales.Of(rows));
        by.W1.Forward(normed, its.A.Of(rows));
        by.W3.Forward(normed, its.B.Of(rows));
        SwiGlu<TElement, L>.Forward(its.A.Of(rows), its.B.Of(rows), inner);
        by.W2.Forward(inner, product);
        Rows<TElement, L>.Add(middle, product, x);
    }

    // Through the frozen projections, without norm and rotation.
    void ProjectPrompt(int layer)
    {
        var prompt = prompts[layer];
        if (prompt.Heads.Slots == 0)
            return;
        var slots = Rows<TElement, L>.Operand(prompt.Slots, prompt.SlotOperands);
        weights[layer].Wk.Forward(slots, prompt.Heads.Keys);
        weights[layer].Wv.Forward(slots, prompt.Heads.Values);
    }

    // The loss, and the gradient of the last norm's output in pass.Normed. Pieces are outside, so that each block finds a piece's weights in the cache.
    double Head(Stretch supervised, BlockMemory memory, bool goesBack)
    {
        var normed = pass.Normed.Of(supervised);
        var labels = batch.Labels.Span[supervised.From..supervised.To];
        RmsNorm<TElement, L>.Forward(pass.Top.Of(supervised), norm, epsilon, normed, pass.TopScales.Of(supervised));
        var parts = supervised.Parts(BlockMemory.RowsMax);
        for (var piece = 0; piece < vocabulary.Columns.Count; piece++)
        {
            for (var part = 0; part < parts; part++)
            {
                var rows = supervised.Part(part, parts);
                VocabularyLoss<TElement, L>.Add(pass.Normed.Of(rows), batch.Labels.Span[rows.From..rows.To], vocabulary, piece, memory.Logits,
                    pass.LossState.Of(rows), goesBack ? pass.LossSums.Of(rows) : pass.LossSums, memory.Product.Of(new Stretch(0, rows.Count)));
            }
        }
        return VocabularyLoss<TElement, L>.Finish(labels, output, pass.LossState.Of(supervised), goesBack ? pass.LossSums.Of(supervised) : pass.LossSums, normed);
    }
}
