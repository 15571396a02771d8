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

    /// <summary>The tensor in memory of its own, laid out row after row, in another type where one is wanted. The caller owns it.</summary>
    public Tensor Copy(TensorEntry entry, ScalarType? wanted = null)
    {
        using var scope = NewDisposeScope();
        using var unrecorded = no_grad();
        var type = wanted ?? entry.Type;
        if (entry.Elements == 0)
            return empty([.. entry.Shape], dtype: type).MoveToOuterDisposeScope();
        var strides = Strides(entry);
        var span = 1L;
        for (var i = 0; i < strides.Length; i++)
            span += (entry.Shape[i] - 1) * strides[i];
        var flat = empty([span], dtype: type);
        var elementBytes = ElementTypes.BytesOf(entry.Type);
        var chunkMax = ChunkBytes / elementBytes;
        // Converted piece by piece: never a second whole beside the first.
        var piece = type == entry.Type ? null : empty([Math.Min(span, chunkMax)], dtype: entry.Type);
        using (var handle = File.OpenHandle(path))
        {
            for (long at = 0, count; at < span; at += count)
            {
                using var inner = NewDisposeScope();
                count = Math.Min(span - at, chunkMax);
                var (target, read) = (flat.narrow(0, at, count), piece?.narrow(0, 0, count));
                Fill(handle, entry, (read ?? target).bytes, entry.Offset + at * elementBytes);
                if (read is not null)
                    target.copy_(read);
            }
        }
        return flat.as_strided([.. entry.Shape], strides).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>The tensor as <see cref="Copy"/> makes it, its rows brought from Hugging Face's order into Meta's on the way. The caller owns it.</summary>
    /// <param name="entry">[rows, columns], row after row</param>
    /// <param name="heads">each has the first members of all its rotary pairs before the second ones</param>
    /// <param name="wanted">the type</param>
    public Tensor Interleaved(TensorEntry entry, int heads, ScalarType wanted)
    {
        using var scope = NewDisposeScope();
        using var unrecorded = no_grad();
        var (pairs, columns) = (entry.Shape[0] / heads / 2, entry.Shape[1]);
        var headBytes = 2 * pairs * columns * ElementTypes.BytesOf(entry.Type);
        var together = Math.Clamp(CachedBytes / headBytes, 1, heads);
        var whole = empty([heads, pairs, 2, columns], dtype: wanted);
        var piece = empty([together, 2, pairs, columns], dtype: entry.Type);
        using (var handle = File.OpenHandle(path))
        {
            for (long head = 0, count; head < heads; head += count)
            {
                using var inner = NewDisposeScope();
                count = Math.Min(heads - head, together);
                var read = piece.narrow(0, 0, count);
                Fill(handle, entry, read.bytes, entry.Offset + head * headBytes);
                whole.narrow(0, head, count).copy_(read.transpose(1, 2));
            }
        }
        return whole.view(entry.Shape[0], columns).MoveToOuterDisposeScope();
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
                using var scope = NewDisposeScope();
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

    const long ChunkBytes = 16 << 20;

    const long CachedBytes = 512 << 10;      // what a core keeps between reading and bringing into order
}
