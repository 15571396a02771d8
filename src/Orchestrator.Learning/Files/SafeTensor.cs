using System.Runtime.InteropServices;
using TorchSharp;

namespace Orchestrator.Learning.Files;

/// <summary>A tensor on its way into a file: name, type, shape, and values that lie row after row.</summary>
public sealed class SafeTensor
{
    readonly ReadOnlyMemory<float> floats;
    readonly ReadOnlyMemory<byte> raw;

    /// <summary>A tensor of fp32 numbers.</summary>
    /// <exception cref="ArgumentException">shape and values differ in size</exception>
    public SafeTensor(string name, IReadOnlyList<long> shape, ReadOnlyMemory<float> values)
        : this(name, torch.ScalarType.Float32, shape, sizeof(float) * (long)values.Length) => floats = values;

    /// <summary>A tensor of any type, as little-endian bytes.</summary>
    /// <exception cref="ArgumentException">shape and values differ in size</exception>
    public SafeTensor(string name, torch.ScalarType type, IReadOnlyList<long> shape, ReadOnlyMemory<byte> values)
        : this(name, type, shape, (long)values.Length) => raw = values;

    SafeTensor(string name, torch.ScalarType type, IReadOnlyList<long> shape, long bytes)
    {
        (Name, Type, Shape) = (name, type, shape);
        var expected = new TensorEntry(name, type, shape).Bytes;
        Bytes = bytes == expected ? bytes : throw new ArgumentException($"{name}: shape {TensorEntry.ShapeOf(shape)} takes {expected} bytes, {bytes} given");
    }

    /// <summary>Full name.</summary>
    public string Name { get; }

    /// <summary>Type of an element.</summary>
    public torch.ScalarType Type { get; }

    /// <summary>Rows first.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Size in bytes.</summary>
    public long Bytes { get; }

    /// <summary>A copy of a tensor, of any device and layout.</summary>
    public static SafeTensor Of(string name, torch.Tensor tensor)
    {
        using var scope = torch.NewDisposeScope();
        return new(name, tensor.dtype, tensor.shape, tensor.detach().cpu().contiguous().bytes.ToArray());
    }

    internal void WriteTo(Stream stream) => stream.Write(Span);

    internal ReadOnlySpan<byte> Span => floats.IsEmpty ? raw.Span : MemoryMarshal.AsBytes(floats.Span);
}
