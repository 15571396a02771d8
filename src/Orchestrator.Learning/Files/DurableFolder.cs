using System.Runtime.InteropServices;

namespace Orchestrator.Learning.Files;

/// <summary>The entries of a folder on disk.</summary>
public static partial class DurableFolder
{
    /// <summary>
    /// Brings a folder's entries to the disk. A file that was flushed and then renamed has its bytes there, but after a power cut it may still have its old name, or none. Where the
    /// system keeps names by itself (Windows), or cannot do this for a folder, nothing happens: the rename stands for every process either way.
    /// </summary>
    public static void Flush(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        var folder = Open(path, flags: 0);      // O_RDONLY
        if (folder < 0)
            return;
        _ = Sync(folder);
        _ = Close(folder);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Sync(int file);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
