using Orchestrator.Protocol;

namespace Orchestrator.Learning.Files;

/// <summary>Files that are either whole or not there: written under a temporary name, flushed to the disk, renamed.</summary>
public static class AtomicFile
{
    /// <summary>Replaces <paramref name="path"/> by what <paramref name="write"/> writes; after any failure the old file stands as it was.</summary>
    /// <exception cref="ProblemException">the place cannot be written</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var full = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(full) ?? ".";
        var partial = Path.Combine(folder, $".{Path.GetFileName(full)}.{Environment.ProcessId}.partial");
        try
        {
            Directory.CreateDirectory(folder);
            using (var stream = new FileStream(partial, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(partial, full, overwrite: true);
            DurableFolder.Flush(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(path, e.Message, "a place that can be written", "choose another folder, or make room");
        }
        finally
        {
            if (File.Exists(partial))
                File.Delete(partial);
        }
    }
}
