namespace Orchestrator.Learning.Kernels;

sealed unsafe partial class Attention<TElement, L>
{
    /// <summary>
    /// The backward pass of some key heads: with the weights <c>w = exp(s - ln Σ exp s)</c> computed again,
    /// <c>dv = wᵀ do</c>, <c>dw = do vᵀ</c>, <c>ds = w ∘ (dw - Σ w ∘ dw)</c>, <c>dq = ds k / √d</c>, <c>dk = dsᵀ q / √d</c>; for the prompt the same, with the gate t:
    /// <c>dt = Σ w ∘ dw</c> and dw times t.
    /// </summary>
    /// <param name="heads">the key heads</param>
    /// <param name="supervised">whether <paramref name="q"/> has the supervised rows only</param>
    /// <param name="q">turned, [queries, H d]; unless <paramref name="promptOnly"/>, dq afterwards, turned back</param>
    /// <param name="k">turned, [rows, Hkv d]</param>
    /// <param name="v">[rows, Hkv d]</param>
    /// <param name="prompt">the layer's; its gradients are written</param>
    /// <param name="dO">[queries, H d]</param>
    /// <param name="logSums">the forward pass's, [queries, H] fp32</param>
    /// <param name="positions">of the queries, [queries]</param>
    /// <param name="dK">[rows, Hkv d] fp32, not turned back; overwritten</param>
    /// <param name="dV">[rows, Hkv d] fp32; overwritten</param>
    /// <param name="promptOnly">whether nothing below the layer needs a gradient: then only the prompt has one</param>
    public void Backward(Stretch heads, bool supervised, Matrix q, Matrix k, Matrix v, PromptHeads prompt, Matrix dO, Matrix logSums,
        ReadOnlySpan<int> positions, Matrix dK, Matrix dV, bool promptOnly)
    {
        for (var keyHead = heads.From; keyHead < heads.To; keyHead++)
        {
            ReadPrompt(prompt, keyHead);
            new Span<float>(memory.PromptKeyGradients, memory.Slots * memory.Width).Clear();
            new Span<float>(memory.PromptValueGradients, memory.Slots * memory.Width).Clear();
            for (var head = keyHead * group; head < (keyHead + 1) * group && prompt.Slots > 0; head++)
                prompt.GateGradients.Floats[head] = 0;
            if (!promptOnly)
            {
                ClearHead(dK, keyHead);
                ClearHead(dV, keyHead);
            }
            foreach (var run in contexts.Runs(supervised))
                RunBackward(run, keyHead, supervised, q, k, v, prompt, dO, logSums, positions, dK, dV, promptOnly);
            for (var slot = 0; slot < prompt.Slots; slot++)
            {
                Put(memory.PromptKeyGradients + slot * memory.Width, (float*)prompt.KeyGradients.Row(slot) + keyHead * width);
                Put(memory.PromptValueGradients + slot * memory.Width, (float*)prompt.ValueGradients.Row(slot) + keyHead * width);
            }
        }
    }

    void RunBackward(Run run, int keyHead, bool supervised, Matrix q, Matrix k, Matrix v, PromptHeads prompt, Matrix dO, Matrix logSums,
        ReadOnlySpan<int> positions, Matrix dK, Matrix dV, bool promptOnly)
    {
        var seen = contexts.Seen(supervised);
        if (!promptOnly)
        {
            var numbers = Whole(contexts.Length(run.Segment)) * memory.Width;
            ReadContext(run.Segment, k, keyHead, memory.Keys, memory.KeysAcross);
            ReadContext(run.Segment, v, keyHead, memory.Values, memory.ValuesAcross);
            new Span<float>(memory.KeyGradients, numbers).Clear();
            new Span<float>(memory.ValueGradients, numbers).Clear();
        }
        for (var head = keyHead * group; head < (keyHead + 1) * group; head++)
        {
            for (var first = 0; first < run.Count; first += HeadMemory.Queries)
            {
                var count = Math.Min(HeadMemory.Queries, run.Count - first);
                var row = run.First + first;
                ReadQueries(q, row, count, head, scale, memory.Query);
                ReadQueries(dO, row, count, head, 1, memory.OutputGradient);
                if (!promptOnly)
                    TokensBackward(seen.Slice(row, count), row, head, logSums);
                if (prompt.Slots > 0)
                    prompt.GateGradients.Floats[head] += PromptBackward(count, prompt.Slots, prompt.Gates.Floats[head], promptOnly);
                for (var i = 0; i < count && !promptOnly; i++)
                    rotation.TurnBack<TElement, L>(memory.QueryGradient + i * memory.Width, scale, positions[row + i], q.Row(row + i), head * width);
            }
        }
        for (var segment = run.Segment; segment >= 0 && !promptOnly;)
        {
            segment = contexts.Step(segment, out var rows, out var at);
            for (var i = 0; i < rows.Count; i++)
            {
                Add(memory.KeyGradients + (nint)(at + i) * memory.Width, (float*)dK.Row(rows.From + i) + keyHead * width);
                Add(memory.ValueGradients + (nint)(at + i) * memory.Width, (float*)dV.Row(rows.From + i) + keyHead * width);
            }
        }
    }

    void TokensBackward(ReadOnlySpan<int> seen, int row, int head, Matrix logSums)
    {
        var (context, wide, limit) = (memory.Context, memory.Width, Up(Whole(Most(seen))));
        for (var tile = 0; tile < seen.Length; tile += Tile)
        {
            var queries = seen.Slice(tile, Math.Min(Tile, seen.Length - tile));
            var most = Most(queries);
            var scores = memory.Scores + tile * context;
            var gradients = memory.ScoreGradients + tile * context;
            TileProduct<L>.Multiply(memory.Query + tile * wide, wide, 1, memory.KeysAcross, context, scores, context, Tile, Up(most), width, add: false);
            TileProduct<L>.Multiply(memory.OutputGradient + tile * wide, wide, 1, memory.ValuesAcross, context, gradients, context, Tile, Up(most), width, add: false);
            for (var i = 0; i < Tile; i++)
            {
                var logSum = i < queries.Length ? logSums.Floats[(nint)(row + tile + i) * logSums.Columns + head] : 0;
                SoftmaxBackward(scores + i * context, gradients + i * context, i < queries.Length ? queries[i] : 0, limit, logSum);
            }
            TileProduct<L>.Multiply(gradients, context, 1, memory.Keys, wide, memory.QueryGradient + tile * wide, wide, Tile, wide, most, add: false);
        }
        // Transposed: a tile is six rows of the context; the queries before the first one that sees them have nothing to add.
        for (int key = 0, from = 0; key < Whole(Most(seen)); key += Tile)
        {
            while (from < seen.Length && seen[from] <= key)
                from++;
            var (left, at) = (seen.Length - from, (nint)from * context + key);
            TileProduct<L>.Multiply(memory.ScoreGradients + at, 1, context, memory.Query + from * wide, wide, memory.KeyGradients + (nint)key * wide, wide, Tile, wide, left, add: true);
            TileProduct<L>.Multiply(memory.Scores + at, 1, context, memory.OutputGradient + from * wide, wide, memory.ValueGradients + (nint)key * wide, wide, Tile, wide, left, add: true);
        }
    }

    // dq is added to where the tokens have one; what it returns is the gate's.
    float PromptBackward(int count, int slots, float gate, bool promptOnly)
    {
        var (wide, across, rows) = (memory.Width, memory.Slots, Whole(count));
        TileProduct<L>.Multiply(memory.Query, wide, 1, memory.PromptKeysAcross, across, memory.PromptScores, across, rows, across, width, add: false);
        TileProduct<L>.Multiply(memory.OutputGradient, wide, 1, memory.PromptValuesAcross, across, memory.PromptScoreGradients, across, rows, across, width, add: false);
        var gateGradient = 0f;
        for (var i = 0; i < count; i++)
        {
            var weights = memory.PromptScores + i * across;
            var gradients = memory.PromptScoreGradients + i * across;
            Softmax(weights, slots, across, 1);
            var dots = default(L);
            for (var j = 0; j < across; j += L.Count)
                dots = L.FusedMultiplyAdd(L.Load(weights + j), L.Load(gradients + j), dots);
            var dot = dots.Sum();
            gateGradient += dot;
            for (var j = 0; j < across; j += L.Count)
            {
                var weight = L.Load(weights + j) * L.Of(gate);
                (weight * (L.Load(gradients + j) - L.Of(dot))).Store(gradients + j);
                weight.Store(weights + j);
            }
        }
        if (!promptOnly)
            TileProduct<L>.Multiply(memory.PromptScoreGradients, across, 1, memory.PromptKeys, wide, memory.QueryGradient, wide, rows, wide, slots, add: true);
        TileProduct<L>.Multiply(memory.PromptScoreGradients, 1, across, memory.Query, wide, memory.PromptKeyGradients, wide, Whole(slots), wide, count, add: true);
        TileProduct<L>.Multiply(memory.PromptScores, 1, across, memory.OutputGradient, wide, memory.PromptValueGradients, wide, Whole(slots), wide, count, add: true);
        return gateGradient;
    }

    // s becomes the weights, dw becomes ds; both zero from count up to limit.
    static void SoftmaxBackward(float* s, float* dw, int count, int limit, float logSum)
    {
        var dots = default(L);
        var i = 0;
        for (; i < count; i += L.Count)
        {
            var weight = Elementary.Exp(L.Load(s + i) - L.Of(logSum)).First(count - i, 0);
            dots = L.FusedMultiplyAdd(weight, L.Load(dw + i).First(count - i, 0), dots);
            weight.Store(s + i);
        }
        var dot = L.Of(dots.Sum());
        for (i = 0; i < count; i += L.Count)
            (L.Load(s + i) * (L.Load(dw + i) - dot)).First(count - i, 0).Store(dw + i);
        new Span<float>(s + i, limit - i).Clear();
        new Span<float>(dw + i, limit - i).Clear();
    }

    void ClearHead(Matrix gradients, int keyHead)
    {
        for (var row = 0; row < gradients.Rows; row++)
            new Span<float>((float*)gradients.Row(row) + keyHead * width, width).Clear();
    }

    void Put(float* from, float* to)
    {
        for (var i = 0; i < width; i += L.Count)
            Row.Store<Fp32, L>(L.Load(from + i), to, i, width - i);
    }

    void Add(float* more, float* sum)
    {
        for (var i = 0; i < width; i += L.Count)
            Row.Store<Fp32, L>(L.Load(more + i) + Row.Load<Fp32, L>(sum, i, width - i), sum, i, width - i);
    }
}
