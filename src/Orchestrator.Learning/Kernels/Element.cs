using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Kernels;

/// <summary>How numbers lie in memory, where they are operands of products; kernels compute with them in fp32.</summary>
unsafe interface IElement
{
    /// <summary>libtorch's word for it.</summary>
    static abstract ScalarType Type { get; }

    /// <summary>Bytes of a number.</summary>
    static abstract int Size { get; }

    /// <summary>Whether it is fp32 itself, and nothing needs to be converted.</summary>
    static abstract bool IsFp32 { get; }

    /// <summary>Reads the numbers at <paramref name="from"/> + <paramref name="at"/>.</summary>
    static abstract L Load<L>(void* from, nint at) where L : struct, ILanes<L>;

    /// <summary>Writes the numbers at <paramref name="to"/> + <paramref name="at"/>.</summary>
    static abstract void Store<L>(L value, void* to, nint at) where L : struct, ILanes<L>;

    /// <summary>Reads one number.</summary>
    static abstract float LoadOne(void* from, nint at);

    /// <summary>Writes one number.</summary>
    static abstract void StoreOne(float value, void* to, nint at);
}

/// <summary>fp32.</summary>
readonly unsafe struct Fp32 : IElement
{
    public static ScalarType Type => ScalarType.Float32;

    public static int Size => sizeof(float);

    public static bool IsFp32 => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Load<L>(void* from, nint at) where L : struct, ILanes<L> => L.Load((float*)from + at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<L>(L value, void* to, nint at) where L : struct, ILanes<L> => value.Store((float*)to + at);

    public static float LoadOne(void* from, nint at) => ((float*)from)[at];

    public static void StoreOne(float value, void* to, nint at) => ((float*)to)[at] = value;
}

/// <summary>bfloat16: the upper half of an fp32.</summary>
readonly unsafe struct Bf16 : IElement
{
    public static ScalarType Type => ScalarType.BFloat16;

    public static int Size => sizeof(ushort);

    public static bool IsFp32 => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Load<L>(void* from, nint at) where L : struct, ILanes<L> => L.LoadBf16((ushort*)from + at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<L>(L value, void* to, nint at) where L : struct, ILanes<L> => value.StoreBf16((ushort*)to + at);

    public static float LoadOne(void* from, nint at) => BitConverter.UInt32BitsToSingle((uint)((ushort*)from)[at] << 16);

    public static void StoreOne(float value, void* to, nint at)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        ((ushort*)to)[at] = (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}

/// <summary>A run of numbers whose length need not be a multiple of the lanes: what is left over is read with zeros behind it and written alone.</summary>
static unsafe class Row
{
    const int LanesMax = 16;

    /// <summary>Reads up to a register of the <paramref name="left"/> numbers at <paramref name="at"/>; zero where there are no more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Load<TElement, L>(void* from, nint at, int left) where TElement : struct, IElement where L : struct, ILanes<L>
        => left >= L.Count ? TElement.Load<L>(from, at) : Few<TElement, L>(from, at, left);

    /// <summary>Writes up to a register of numbers, at most the <paramref name="left"/> that there is room for.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TElement, L>(L value, void* to, nint at, int left) where TElement : struct, IElement where L : struct, ILanes<L>
    {
        if (left >= L.Count)
            TElement.Store(value, to, at);
        else
            StoreFew<TElement, L>(value, to, at, left);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static L Few<TElement, L>(void* from, nint at, int left) where TElement : struct, IElement where L : struct, ILanes<L>
    {
        var few = stackalloc float[LanesMax];
        new Span<float>(few, LanesMax).Clear();
        for (var i = 0; i < left; i++)
            few[i] = TElement.LoadOne(from, at + i);
        return L.Load(few);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void StoreFew<TElement, L>(L value, void* to, nint at, int left) where TElement : struct, IElement where L : struct, ILanes<L>
    {
        var few = stackalloc float[LanesMax];
        value.Store(few);
        for (var i = 0; i < left; i++)
            TElement.StoreOne(few[i], to, at + i);
    }
}
