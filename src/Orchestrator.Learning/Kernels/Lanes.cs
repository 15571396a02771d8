using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Orchestrator.Learning.Kernels;

/// <summary>A register of fp32 numbers: what a kernel is written in, once for processors with 256 and with 512 bits.</summary>
unsafe interface ILanes<TSelf> where TSelf : struct, ILanes<TSelf>
{
    /// <summary>How many numbers it has.</summary>
    static abstract int Count { get; }

    /// <summary>The same number in all lanes.</summary>
    static abstract TSelf Of(float value);

    /// <summary>Reads <see cref="Count"/> numbers.</summary>
    static abstract TSelf Load(float* from);

    /// <summary>Reads <see cref="Count"/> numbers of bf16.</summary>
    static abstract TSelf LoadBf16(ushort* from);

    /// <summary>Writes <see cref="Count"/> numbers.</summary>
    void Store(float* to);

    /// <summary>Writes <see cref="Count"/> numbers of bf16, rounded to the nearest, ties to even.</summary>
    void StoreBf16(ushort* to);

    static abstract TSelf operator +(TSelf left, TSelf right);

    static abstract TSelf operator -(TSelf left, TSelf right);

    static abstract TSelf operator *(TSelf left, TSelf right);

    static abstract TSelf operator /(TSelf left, TSelf right);

    /// <summary><c>a b + c</c>, rounded once.</summary>
    static abstract TSelf FusedMultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>The greater of each two.</summary>
    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>The smaller of each two.</summary>
    static abstract TSelf Min(TSelf left, TSelf right);

    /// <summary>The nearest whole numbers.</summary>
    static abstract TSelf Round(TSelf value);

    /// <summary><c>value × 2^power</c> for whole powers, where the result is a normal number.</summary>
    static abstract TSelf Scale(TSelf value, TSelf power);

    /// <summary>Neighbours exchanged: (1, 0, 3, 2, ...).</summary>
    TSelf Swapped();

    /// <summary>The first lanes, and <paramref name="rest"/> in the others.</summary>
    /// <param name="count">how many stay; none, and all, are allowed</param>
    /// <param name="rest">what the others become</param>
    TSelf First(int count, float rest);

    /// <summary>All lanes added, in a fixed order.</summary>
    float Sum();

    /// <summary>The greatest lane.</summary>
    float Greatest();
}

/// <summary>Eight lanes: AVX2, or two registers of NEON.</summary>
readonly unsafe struct Lanes256(Vector256<float> value) : ILanes<Lanes256>
{
    readonly Vector256<float> value = value;

    public static int Count => Vector256<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Of(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Load(float* from) => new(Vector256.Load(from));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadBf16(ushort* from)
    {
        var (lower, upper) = Vector128.Widen(Vector128.Load(from));
        return new((Vector256.Create(lower, upper) << 16).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* to) => value.Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreBf16(ushort* to)
    {
        var bits = value.AsUInt32();
        var rounded = (bits + Vector256.Create(0x7FFFu) + ((bits >> 16) & Vector256<uint>.One)) >> 16;
        Vector128.Narrow(rounded.GetLower(), rounded.GetUpper()).Store(to);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator +(Lanes256 left, Lanes256 right) => new(left.value + right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator -(Lanes256 left, Lanes256 right) => new(left.value - right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator *(Lanes256 left, Lanes256 right) => new(left.value * right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator /(Lanes256 left, Lanes256 right) => new(left.value / right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 FusedMultiplyAdd(Lanes256 a, Lanes256 b, Lanes256 c) => new(Vector256.FusedMultiplyAdd(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Max(Lanes256 left, Lanes256 right) => new(Vector256.MaxNative(left.value, right.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Min(Lanes256 left, Lanes256 right) => new(Vector256.MinNative(left.value, right.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Round(Lanes256 value) => new(Vector256.Round(value.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Scale(Lanes256 value, Lanes256 power)
        => new((value.value.AsInt32() + (Vector256.ConvertToInt32Native(power.value) << 23)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Lanes256 Swapped() => new(Vector256.Shuffle(value, Vector256.Create(1, 0, 3, 2, 5, 4, 7, 6)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Lanes256 First(int count, float rest)
        => new(Vector256.ConditionalSelect(Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle(), value, Vector256.Create(rest)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Sum() => Vector256.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Greatest()
    {
        var four = Vector128.MaxNative(value.GetLower(), value.GetUpper());
        var two = Vector128.MaxNative(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(two, Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }
}

/// <summary>Sixteen lanes: AVX-512.</summary>
readonly unsafe struct Lanes512(Vector512<float> value) : ILanes<Lanes512>
{
    readonly Vector512<float> value = value;

    public static int Count => Vector512<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Of(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Load(float* from) => new(Vector512.Load(from));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadBf16(ushort* from) => new((Avx512F.ConvertToVector512UInt32(Vector256.Load(from)) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* to) => value.Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreBf16(ushort* to)
    {
        var bits = value.AsUInt32();
        var rounded = (bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512<uint>.One)) >> 16;
        Avx512F.ConvertToVector256UInt16(rounded).Store(to);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator +(Lanes512 left, Lanes512 right) => new(left.value + right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator -(Lanes512 left, Lanes512 right) => new(left.value - right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator *(Lanes512 left, Lanes512 right) => new(left.value * right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator /(Lanes512 left, Lanes512 right) => new(left.value / right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 FusedMultiplyAdd(Lanes512 a, Lanes512 b, Lanes512 c) => new(Vector512.FusedMultiplyAdd(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Max(Lanes512 left, Lanes512 right) => new(Vector512.MaxNative(left.value, right.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Min(Lanes512 left, Lanes512 right) => new(Vector512.MinNative(left.value, right.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Round(Lanes512 value) => new(Vector512.Round(value.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Scale(Lanes512 value, Lanes512 power)
        => new((value.value.AsInt32() + (Vector512.ConvertToInt32Native(power.value) << 23)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Lanes512 Swapped() => new(Vector512.Shuffle(value, Vector512.Create(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Lanes512 First(int count, float rest)
        => new(Vector512.ConditionalSelect(Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle(), value, Vector512.Create(rest)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Sum() => Vector512.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Greatest() => new Lanes256(Vector256.MaxNative(value.GetLower(), value.GetUpper())).Greatest();
}
