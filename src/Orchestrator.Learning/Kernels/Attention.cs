using Orchestrator.Learning.Llama;

namespace Orchestrator.Learning.Kernels;

/// <summary>A layer's prompt as its attention sees it (arXiv 2303.16199), and its gradients.</summary>
/// <param name="Keys">[K, Hkv d]; K is 0 where a layer has none</param>
/// <param name="Values">[K, Hkv d]</param>
/// <param name="Gates">what the prompt's part is multiplied by, [1, H] fp32</param>
/// <param name="KeyGradients">[K, Hkv d] fp32</param>
/// <param name="ValueGradients">[K, Hkv d] fp32</param>
/// <param name="GateGradients">[1, H] fp32</param>
readonly record struct PromptHeads(Matrix Keys, Matrix Values, Matrix Gates, Matrix KeyGradients, Matrix ValueGradients, Matrix GateGradients)
{
    /// <summary>Slots of the prompt, K.</summary>
    public int Slots => Keys.Rows;
}

/// <summary>
/// Attention over the contexts of a micro-batch with grouped queries (arXiv 2305.13245), and beside it the prompt's, with a softmax of its own:
/// <c>o = softmax(q kᵀ / √d) v + t softmax(q paᵀ / √d) pv</c>. All of it in fp32, from operands of any type. Heads are independent: each of a worker's threads
/// takes some key heads, with all queries that look at them.
/// </summary>
sealed unsafe partial class Attention<TElement, L>(LlamaConfig config, Contexts contexts, Rotation rotation) : IDisposable
    where TElement : struct, IElement where L : struct, ILanes<L>
{
    const int Tile = TileProduct<L>.Rows;

    readonly HeadMemory memory = new();
    readonly int width = config.HeadDim;
    readonly int group = config.Heads / config.KeyValueHeads;
    readonly float scale = (float)(1 / Math.Sqrt(config.HeadDim));

    /// <summary>Bytes that it holds.</summary>
    public long Bytes => memory.Bytes;

    /// <summary>Makes room for the contexts that were read.</summary>
    /// <param name="slots">slots of the longest prompt</param>
    public void Reserve(int slots) => memory.Reserve(L.Count, width, contexts.Longest, slots);

    /// <inheritdoc/>
    public void Dispose() => memory.Dispose();

    /// <summary>The forward pass of some key heads.</summary>
    /// <param name="heads">the key heads</param>
    /// <param name="supervised">whether <paramref name="q"/> has the supervised rows only</param>
    /// <param name="q">turned, [queries, H d]</param>
    /// <param name="k">turned, [rows, Hkv d]</param>
    /// <param name="v">[rows, Hkv d]</param>
    /// <param name="prompt">the layer's</param>
    /// <param name="o">[queries, H d]</param>
    /// <param name="logSums"><c>ln Σ exp</c> of each row of scores, [queries, H] fp32: what the backward pass needs</param>
    public void Forward(Stretch heads, bool supervised, Matrix q, Matrix k, Matrix v, PromptHeads prompt, Matrix o, Matrix logSums)
    {
        var seen = contexts.Seen(supervised);
        for (var keyHead = heads.From; keyHead < heads.To; keyHead++)
        {
            ReadPrompt(prompt, keyHead);
            foreach (var run in contexts.Runs(supervised))
            {
                ReadContext(run.Segment, k, keyHead, memory.Keys, memory.KeysAcross);
                ReadContext(run.Segment, v, keyHead, memory.Values, across: null);
                for (var head = keyHead * group; head < (keyHead + 1) * group; head++)
                {
                    for (var first = 0; first < run.Count; first += HeadMemory.Queries)
                    {
                        var count = Math.Min(HeadMemory.Queries, run.Count - first);
                        var row = run.First + first;
                        ReadQueries(q, row, count, head, scale, memory.Query);
                        for (var tile = 0; tile < count; tile += Tile)
                        {
                            var queries = seen.Slice(row + tile, Math.Min(Tile, count - tile));
                            Attend(queries, tile, head, row + tile, logSums);
                            if (prompt.Slots > 0)
                                AttendPrompt(queries.Length, tile, prompt.Slots, prompt.Gates.Floats[head]);
                        }
                        for (var i = 0; i < count; i++)
                            WriteHead(memory.Output + i * memory.Width, o.Row(row + i), head * width);
                    }
                }
            }
        }
    }

    // A tile of queries over the tokens.
    void Attend(ReadOnlySpan<int> seen, int tile, int head, int row, Matrix logSums)
    {
        var most = Most(seen);
        var columns = Up(most);
        var (context, wide) = (memory.Context, memory.Width);
        TileProduct<L>.Multiply(memory.Query + tile * wide, wide, 1, memory.KeysAcross, context, memory.Scores, context, Tile, columns, width, add: false);
        for (var i = 0; i < Tile; i++)
        {
            if (i < seen.Length)
                logSums.Floats[(nint)(row + i) * logSums.Columns + head] = Softmax(memory.Scores + i * context, seen[i], columns, 1);
            else
                new Span<float>(memory.Scores + i * context, columns).Clear();
        }
        TileProduct<L>.Multiply(memory.Scores, context, 1, memory.Values, wide, memory.Output + tile * wide, wide, Tile, wide, most, add: false);
    }

    // The same queries over the prompt's slots, added.
    void AttendPrompt(int count, int tile, int slots, float gate)
    {
        var wide = memory.Width;
        TileProduct<L>.Multiply(memory.Query + tile * wide, wide, 1, memory.PromptKeysAcross, memory.Slots, memory.PromptScores, memory.Slots, Tile, memory.Slots, width, add: false);
        for (var i = 0; i < count; i++)
            Softmax(memory.PromptScores + i * memory.Slots, slots, memory.Slots, gate);
        TileProduct<L>.Multiply(memory.PromptScores, memory.Slots, 1, memory.PromptValues, wide, memory.Output + tile * wide, wide, Tile, wide, slots, add: true);
    }

    /// <summary><c>x = factor × softmax(x)</c> of a row's first numbers; the others become zero.</summary>
    /// <param name="x">[width], whole registers</param>
    /// <param name="count">how many count, at least 1</param>
    /// <param name="width">a multiple of the lanes</param>
    /// <param name="factor">what the weights add up to</param>
    /// <returns><c>ln Σ exp x</c></returns>
    internal static float Softmax(float* x, int count, int width, float factor)
    {
        var greatest = L.Load(x).First(count, float.NegativeInfinity);
        for (var i = L.Count; i < count; i += L.Count)
            greatest = L.Max(greatest, L.Load(x + i).First(count - i, float.NegativeInfinity));
        var most = greatest.Greatest();
        var sums = default(L);
        for (var i = 0; i < width; i += L.Count)
        {
            var power = Elementary.Exp(L.Load(x + i) - L.Of(most)).First(count - i, 0);
            sums += power;
            power.Store(x + i);
        }
        var sum = sums.Sum();
        for (var i = 0; i < count; i += L.Count)
            (L.Load(x + i) * L.Of(factor / sum)).Store(x + i);
        return most + MathF.Log(sum);
    }

    void ReadContext(int segment, Matrix from, int keyHead, float* to, float* across)
    {
        var length = contexts.Length(segment);
        while (segment >= 0)
        {
            segment = contexts.Step(segment, out var rows, out var at);
            Rows<TElement, L>.Copy(from, rows.From, keyHead * width, 1, to + (nint)at * memory.Width, rows.Count, width, memory.Width);
        }
        if (across is not null)
            Transpose(to, length, memory.Width, across, memory.Context);
    }

    void ReadQueries(Matrix from, int row, int count, int head, float factor, float* to)
    {
        Rows<TElement, L>.Copy(from, row, head * width, factor, to, count, width, memory.Width);
        new Span<float>(to + count * memory.Width, (Whole(count) - count) * memory.Width).Clear();
    }

    void ReadPrompt(PromptHeads prompt, int keyHead)
    {
        if (prompt.Slots == 0)
            return;
        Rows<TElement, L>.Copy(prompt.Keys, 0, keyHead * width, 1, memory.PromptKeys, prompt.Slots, width, memory.Width);
        Rows<TElement, L>.Copy(prompt.Values, 0, keyHead * width, 1, memory.PromptValues, prompt.Slots, width, memory.Width);
        Transpose(memory.PromptKeys, prompt.Slots, memory.Width, memory.PromptKeysAcross, memory.Slots);
        Transpose(memory.PromptValues, prompt.Slots, memory.Width, memory.PromptValuesAcross, memory.Slots);
    }

    void WriteHead(float* from, void* to, int column)
    {
        for (var i = 0; i < width; i += L.Count)
            Row.Store<TElement, L>(L.Load(from + i), to, column + i, width - i);
    }

    void Transpose(float* from, int rows, int fromWidth, float* to, int toWidth)
    {
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < width; column++)
                to[(nint)column * toWidth + row] = from[(nint)row * fromWidth + column];
        }
    }

    static int Most(ReadOnlySpan<int> numbers)
    {
        var most = numbers[0];
        foreach (var number in numbers[1..])
            most = Math.Max(most, number);
        return most;
    }

    static int Up(int count) => (count + L.Count - 1) / L.Count * L.Count;

    static int Whole(int count) => (count + Tile - 1) / Tile * Tile;
}
