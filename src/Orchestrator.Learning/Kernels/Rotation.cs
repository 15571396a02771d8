using System.Numerics;
using System.Runtime.InteropServices;
using Orchestrator.Learning.Llama;

namespace Orchestrator.Learning.Kernels;

/// <summary>
/// Rotary positions (arXiv 2104.09864) in Meta's layout: neighbours (x, y) become <c>(x cos - y sin, y cos + x sin)</c> of their angle. The gradient is turned back.
/// </summary>
sealed unsafe class Rotation(LlamaConfig config) : IDisposable
{
    readonly double[] frequencies = RotaryEmbedding.Frequencies(config);
    readonly int width = config.HeadDim;
    // Of each position the cosines, each twice, and the sines, each twice and first negative: [positions, d].
    float* cosines;
    float* sines;
    int positions;

    /// <summary>Bytes that it holds.</summary>
    public long Bytes => 2L * positions * width * sizeof(float);

    /// <summary>Makes room for positions below <paramref name="end"/>. To be called before any thread turns.</summary>
    public void Reserve(int end)
    {
        if (end <= positions)
            return;
        positions = Math.Max(64, (int)BitOperations.RoundUpToPowerOf2((uint)end));
        var bytes = (nuint)positions * (nuint)width * sizeof(float);
        cosines = (float*)NativeMemory.AlignedRealloc(cosines, bytes, 64);
        sines = (float*)NativeMemory.AlignedRealloc(sines, bytes, 64);
        for (var position = 0; position < positions; position++)
        {
            for (var pair = 0; pair < width / 2; pair++)
            {
                var at = (nint)position * width + 2 * pair;
                var (sine, cosine) = Math.SinCos(position * frequencies[pair]);
                cosines[at] = cosines[at + 1] = (float)cosine;
                sines[at] = (float)-sine;
                sines[at + 1] = (float)sine;
            }
        }
    }

    /// <summary>Turns every head of every row by its position, in its place.</summary>
    /// <param name="x">[t, heads d]</param>
    /// <param name="at">the rows' positions, [t]</param>
    public void Turn<TElement, L>(Matrix x, ReadOnlySpan<int> at) where TElement : struct, IElement where L : struct, ILanes<L>
    {
        for (var row = 0; row < x.Rows; row++)
        {
            var cosine = cosines + (nint)at[row] * width;
            var sine = sines + (nint)at[row] * width;
            for (var head = 0; head < x.Columns; head += width)
            {
                for (var i = 0; i < width; i += L.Count)
                {
                    var left = width - i;
                    var value = Row.Load<TElement, L>(x.Row(row), head + i, left);
                    var turned = L.FusedMultiplyAdd(value.Swapped(), Row.Load<Fp32, L>(sine, i, left), value * Row.Load<Fp32, L>(cosine, i, left));
                    Row.Store<TElement, L>(turned, x.Row(row), head + i, left);
                }
            }
        }
    }

    /// <summary>Writes a head's gradient, times a factor, turned back.</summary>
    /// <param name="gradient">[d] fp32, whole registers</param>
    /// <param name="factor">what it is multiplied by</param>
    /// <param name="position">the row's position</param>
    /// <param name="to">the row it goes to</param>
    /// <param name="column">the head's first column there</param>
    public void TurnBack<TElement, L>(float* gradient, float factor, int position, void* to, int column) where TElement : struct, IElement where L : struct, ILanes<L>
    {
        var cosine = cosines + (nint)position * width;
        var sine = sines + (nint)position * width;
        for (var i = 0; i < width; i += L.Count)
        {
            var left = width - i;
            var value = Row.Load<Fp32, L>(gradient, i, left) * L.Of(factor);
            var turned = value * Row.Load<Fp32, L>(cosine, i, left) - value.Swapped() * Row.Load<Fp32, L>(sine, i, left);
            Row.Store<TElement, L>(turned, to, column + i, left);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(cosines);
        NativeMemory.AlignedFree(sines);
        cosines = sines = null;
        positions = 0;
    }
}
