using TorchSharp;

namespace Orchestrator.Learning.Files;

/// <summary>What a file says of one of its tensors, checked against the file's size.</summary>
/// <param name="Name">full name; levels of nested dictionaries are joined by dots</param>
/// <param name="Type">type of an element as it is stored</param>
/// <param name="Shape">rows first; empty for a single number</param>
public sealed record TensorEntry(string Name, torch.ScalarType Type, IReadOnlyList<long> Shape)
{
    /// <summary>Number of elements.</summary>
    public long Elements { get; } = Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Size of the tensor in bytes, without gaps.</summary>
    public long Bytes => Elements * ElementTypes.BytesOf(Type);

    /// <summary>First byte within the file.</summary>
    internal long Offset { get; init; }

    /// <summary>Steps between neighbours, in elements; null where the tensor lies row after row.</summary>
    internal long[]? Strides { get; init; }

    /// <summary>The shape as people write it: <c>[32000, 4096]</c>.</summary>
    public string ShapeText => ShapeOf(Shape);

    internal static string ShapeOf(IReadOnlyList<long> shape) => $"[{string.Join(", ", shape)}]";

    /// <summary>Whether <paramref name="shape"/> is one that <paramref name="bytesMax"/> bytes can hold: bounds come before products overflow.</summary>
    internal static bool Fits(ReadOnlySpan<long> shape, torch.ScalarType type, long bytesMax, out long bytes)
    {
        bytes = ElementTypes.BytesOf(type);
        var empty = shape.Contains(0);
        foreach (var size in shape)
        {
            if (size < 0 || size > long.MaxValue / 16 || (!empty && size > bytesMax / bytes))
                return false;
            bytes = empty ? 0 : bytes * size;
        }
        return shape.Length <= DimensionsMax;
    }

    /// <summary>More dimensions than any tensor of this family has; libtorch itself allows 64.</summary>
    internal const int DimensionsMax = 16;
}

/// <summary>The names of element types, in safetensors and in torch.</summary>
public static class ElementTypes
{
    static readonly (torch.ScalarType Type, string SafeTensors, string Storage, int Bytes)[] All =
    [
        (torch.ScalarType.Float32, "F32", "FloatStorage", 4),
        (torch.ScalarType.Float16, "F16", "HalfStorage", 2),
        (torch.ScalarType.BFloat16, "BF16", "BFloat16Storage", 2),
        (torch.ScalarType.Float64, "F64", "DoubleStorage", 8),
        (torch.ScalarType.Int64, "I64", "LongStorage", 8),
        (torch.ScalarType.Int32, "I32", "IntStorage", 4),
        (torch.ScalarType.Int16, "I16", "ShortStorage", 2),
        (torch.ScalarType.Int8, "I8", "CharStorage", 1),
        (torch.ScalarType.Byte, "U8", "ByteStorage", 1),
        (torch.ScalarType.Bool, "BOOL", "BoolStorage", 1),
    ];

    /// <summary>Bytes of one element.</summary>
    /// <exception cref="ArgumentOutOfRangeException">a type that no reader here lets in</exception>
    public static int BytesOf(torch.ScalarType type) => Row(type).Bytes;

    /// <summary>The type's name in a safetensors header: <c>F32</c>, <c>BF16</c>, …</summary>
    public static string SafeTensorsName(torch.ScalarType type) => Row(type).SafeTensors;

    /// <summary>The name of torch's storage class: <c>FloatStorage</c>, …</summary>
    internal static string StorageName(torch.ScalarType type) => Row(type).Storage;

    internal static torch.ScalarType? FromSafeTensors(string name) => Find(row => row.SafeTensors == name);

    internal static torch.ScalarType? FromStorage(string name) => Find(row => row.Storage == name);

    internal static string SafeTensorsNames => string.Join(", ", All.Select(row => row.SafeTensors));

    internal static bool IsFloating(torch.ScalarType type) =>
        type is torch.ScalarType.Float32 or torch.ScalarType.Float16 or torch.ScalarType.BFloat16 or torch.ScalarType.Float64;

    static (torch.ScalarType Type, string SafeTensors, string Storage, int Bytes) Row(torch.ScalarType type)
    {
        foreach (var row in All)
            if (row.Type == type)
                return row;
        throw new ArgumentOutOfRangeException(nameof(type), type, "no file of ours holds this type");
    }

    static torch.ScalarType? Find(Func<(torch.ScalarType Type, string SafeTensors, string Storage, int Bytes), bool> match)
    {
        foreach (var row in All)
            if (match(row))
                return row.Type;
        return null;
    }
}
