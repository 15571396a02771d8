using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;

namespace Orchestrator.Learning.Data;

/// <summary>A file as read-only memory. Its spans are valid until it is disposed.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    readonly MemoryMappedFile? map;
    readonly MemoryMappedViewAccessor? view;
    readonly byte* start;

    /// <exception cref="IOException">it cannot be read</exception>
    public MappedFile(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        Length = file.Length;
        if (Length == 0)
            return; // an empty file cannot be mapped
        map = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        view = map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        start += view.PointerOffset;
    }

    /// <summary>Bytes.</summary>
    public long Length { get; }

    /// <summary>A part of it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">it does not lie within the file</exception>
    public ReadOnlySpan<T> Slice<T>(long offset, int count)
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(view is not null && view.SafeMemoryMappedViewHandle.IsClosed, this);
        if (offset < 0 || count < 0 || offset > Length || (Length - offset) / Unsafe.SizeOf<T>() < count)
            throw new ArgumentOutOfRangeException(nameof(offset), offset, $"{count} values from here do not lie within {Length} bytes");
        return new ReadOnlySpan<T>(start + offset, count);
    }

    public void Dispose()
    {
        if (view is null || view.SafeMemoryMappedViewHandle.IsClosed)
            return;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        map!.Dispose();
    }
}
