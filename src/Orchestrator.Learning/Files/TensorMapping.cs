using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Orchestrator.Protocol;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Files;

/// <summary>
/// Tensors over a file's pages. libtorch maps the file once per element type, copy-on-write, and counts who uses the mapping: it lives as
/// long as any tensor over it, also after <see cref="Dispose"/>, and writing to such a tensor never reaches the file.
/// </summary>
sealed class TensorMapping(string path, long fileBytes) : IDisposable
{
    readonly Lock gate = new();
    readonly Dictionary<ScalarType, Tensor?> mapped = [];
    bool disposed;

    /// <summary>The tensor of <paramref name="entry"/>, mapped where its bytes are aligned, else copied. The caller owns it.</summary>
    public Tensor Read(TensorEntry entry)
    {
        if (entry.Elements == 0)
            return Copy(entry);
        var elementBytes = ElementTypes.BytesOf(entry.Type);
        var whole = entry.Offset % elementBytes == 0 ? Whole(entry.Type, elementBytes) : null;
        return whole is null ? Copy(entry) : whole.as_strided([.. entry.Shape], Strides(entry), entry.Offset / elementBytes);
    }

    /// <summary>The tensor in memory of its own, laid out row after row. The caller owns it.</summary>
    public Tensor Copy(TensorEntry entry)
    {
        using var scope = NewDisposeScope();
        if (entry.Elements == 0)
            return empty([.. entry.Shape], dtype: entry.Type).MoveToOuterDisposeScope();
        var elementBytes = ElementTypes.BytesOf(entry.Type);
        var strides = Strides(entry);
        var span = 1L;
        for (var i = 0; i < strides.Length; i++)
            span += (entry.Shape[i] - 1) * strides[i];
        var flat = empty([span], dtype: entry.Type);
        using (var handle = File.OpenHandle(path))
        {
            for (long at = 0, step; at < span; at += step)
            {
                step = Math.Min(span - at, ChunkBytes / elementBytes);
                Fill(handle, entry, flat.narrow(0, at, step).bytes, entry.Offset + at * elementBytes);
            }
        }
        return flat.as_strided([.. entry.Shape], strides).contiguous().MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            foreach (var tensor in mapped.Values)
                tensor?.Dispose();
            mapped.Clear();
        }
    }

    Tensor? Whole(ScalarType type, int elementBytes)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (mapped.TryGetValue(type, out var known))
                return known;
            try
            {
                // Not "shared": that would need the right to write to the file.
                return mapped[type] = from_file(path, shared: false, size: fileBytes / elementBytes, dtype: type).DetachFromDisposeScope();
            }
            catch (ExternalException)
            {
                // No room in the address space, or a file system that cannot be mapped: the bytes are copied instead.
                return mapped[type] = null;
            }
        }
    }

    void Fill(SafeFileHandle handle, TensorEntry entry, Span<byte> target, long offset)
    {
        while (target.Length > 0)
        {
            var read = RandomAccess.Read(handle, target, offset);
            if (read == 0)
                throw new ProblemException($"{path} tensor {entry.Name}", $"the file's end at byte {offset}", "the tensor's bytes", "the file shrank while it was read");
            target = target[read..];
            offset += read;
        }
    }

    static long[] Strides(TensorEntry entry)
    {
        if (entry.Strides is not null)
            return entry.Strides;
        var strides = new long[entry.Shape.Count];
        for (var (i, step) = (strides.Length - 1, 1L); i >= 0; step *= entry.Shape[i--])
            strides[i] = step;
        return strides;
    }

    // A span holds at most 2 GiB; an embedding may be larger.
    const long ChunkBytes = 256 << 20;
}
