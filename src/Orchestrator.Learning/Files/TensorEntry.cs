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

    /// <summary>Whether a name can be shown to people as it is: a file must not steer their terminal.</summary>
    internal static bool IsPrintable(string name) => !name.Any(char.IsControl);

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
