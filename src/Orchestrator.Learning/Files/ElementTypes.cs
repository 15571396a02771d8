using TorchSharp;

namespace Orchestrator.Learning.Files;

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
