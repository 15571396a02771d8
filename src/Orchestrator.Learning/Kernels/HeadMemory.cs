using System.Runtime.InteropServices;

namespace Orchestrator.Learning.Kernels;

/// <summary>
/// What one thread needs while it computes one head's attention over one context: keys, values and their transposes, a block of queries, its scores, and the
/// prompt. Widths are padded to whole registers and rows to whole tiles.
/// </summary>
sealed unsafe class HeadMemory : IDisposable
{
    /// <summary>Rows of a tile.</summary>
    public const int TileRows = 6;

    /// <summary>Queries that are looked at together.</summary>
    public const int Queries = 8 * TileRows;

    float* memory;
    long capacity;

    /// <summary>Bytes that it holds.</summary>
    public long Bytes => capacity * sizeof(float);

    /// <summary>Width of a head in memory.</summary>
    public int Width { get; private set; }

    /// <summary>Width of a row of scores, at least the rows of a context and whole tiles of them.</summary>
    public int Context { get; private set; }

    /// <summary>Width of a row of the prompt's scores, at least its slots and whole tiles of them.</summary>
    public int Slots { get; private set; }

    public float* Keys, KeysAcross, Values, ValuesAcross, KeyGradients, ValueGradients;
    public float* Query, Output, OutputGradient, QueryGradient, Scores, ScoreGradients;
    public float* PromptKeys, PromptKeysAcross, PromptValues, PromptValuesAcross, PromptKeyGradients, PromptValueGradients, PromptScores, PromptScoreGradients;

    /// <summary>Makes room.</summary>
    /// <param name="lanes">numbers of a register</param>
    /// <param name="width">width of a head</param>
    /// <param name="context">rows of the longest context</param>
    /// <param name="slots">slots of the longest prompt</param>
    public void Reserve(int lanes, int width, int context, int slots)
    {
        Width = Up(width, lanes);
        Context = Up(Up(context, TileRows), lanes);
        Slots = Up(Up(slots, TileRows), lanes);
        var wanted = Lay(null);
        if (wanted > capacity)
        {
            NativeMemory.AlignedFree(memory);
            memory = (float*)NativeMemory.AlignedAlloc((nuint)wanted * sizeof(float), 64);
            capacity = wanted;
        }
        Lay(memory);
        // Padding is read as operands of products whose other operand is zero there: it must be numbers.
        new Span<float>(memory, checked((int)wanted)).Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(memory);
        memory = null;
        capacity = 0;
    }

    static int Up(int count, int unit) => (count + unit - 1) / unit * unit;

    long Lay(float* from)
    {
        var at = 0L;
        Keys = Take(Context, Width);
        KeysAcross = Take(Width, Context);
        Values = Take(Context, Width);
        ValuesAcross = Take(Width, Context);
        KeyGradients = Take(Context, Width);
        ValueGradients = Take(Context, Width);
        Query = Take(Queries, Width);
        Output = Take(Queries, Width);
        OutputGradient = Take(Queries, Width);
        QueryGradient = Take(Queries, Width);
        Scores = Take(Queries, Context);
        ScoreGradients = Take(Queries, Context);
        PromptKeys = Take(Slots, Width);
        PromptKeysAcross = Take(Width, Slots);
        PromptValues = Take(Slots, Width);
        PromptValuesAcross = Take(Width, Slots);
        PromptKeyGradients = Take(Slots, Width);
        PromptValueGradients = Take(Slots, Width);
        PromptScores = Take(Queries, Slots);
        PromptScoreGradients = Take(Queries, Slots);
        return at;

        float* Take(int rows, int width)
        {
            var here = at;
            at += ((long)rows * width + 15) / 16 * 16;
            return from + here;
        }
    }
}
