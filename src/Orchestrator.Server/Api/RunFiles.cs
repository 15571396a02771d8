using System.Security.Cryptography;
using Orchestrator.Engine;
using Orchestrator.Learning.Files;

namespace Orchestrator.Server.Api;

/// <summary>A file of a run.</summary>
/// <param name="Path">within the run's folder, with slashes</param>
/// <param name="Length">bytes</param>
/// <param name="Sha256">digest of these bytes</param>
readonly record struct RunFile(string Path, long Length, string Sha256);

/// <summary>
/// What of a run's folder is to be read: everything that <c>train</c> would leave there, and nothing that is half written or the cluster's own. Files that only grow are listed as they are now; what
/// is appended later leaves the listed bytes as they were.
/// </summary>
/// <param name="cacheFolder">where digests of large files are kept</param>
sealed class RunFiles(string cacheFolder)
{
    readonly FileDigests digests = new(cacheFolder);

    /// <summary>The files of a run, in the order of their paths; none where it has written nothing yet.</summary>
    public IReadOnlyList<RunFile> List(RunFolder run, CancellationToken stop)
    {
        if (!Directory.Exists(run.Path))
            return [];
        List<RunFile> files = [];
        foreach (var path in Directory.EnumerateFiles(run.Path, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(run.Path, path)).Order(StringComparer.Ordinal))
        {
            stop.ThrowIfCancellationRequested();
            if (Locate(run, path.Replace(Path.DirectorySeparatorChar, '/')) is { } file && Digest(file, stop) is { } digest)
                files.Add(digest with { Path = path.Replace(Path.DirectorySeparatorChar, '/') });
        }
        return files;
    }

    /// <summary>A file of a run, if it may be read.</summary>
    /// <param name="run">the run</param>
    /// <param name="path">within its folder, with slashes</param>
    /// <returns>null where there is none, or where the path leads elsewhere</returns>
    public static FileInfo? Locate(RunFolder run, string path)
    {
        var parts = path.Split('/');
        var isOurs = parts.All(part => part.Length > 0 && part[0] != '.' && part.IndexOfAny(['\\', '\0', ':']) < 0 && !part.EndsWith(".partial", StringComparison.Ordinal))
            && parts[0] != Path.GetFileName(run.State);
        if (!isOurs)
            return null;
        var at = new DirectoryInfo(run.Path);
        foreach (var part in parts[..^1])
            if ((at = new DirectoryInfo(Path.Combine(at.FullName, part))) is not { Exists: true, LinkTarget: null })
                return null;
        return new FileInfo(Path.Combine(at.FullName, parts[^1])) is { Exists: true, LinkTarget: null } file ? file : null;
    }

    RunFile? Digest(FileInfo file, CancellationToken stop)
    {
        try
        {
            return file.Extension == ".jsonl" ? OfWhatIsThere(file, stop) : new RunFile("", file.Length, digests.Sha256(file.FullName));
        }
        catch (Exception e) when (e is IOException or Protocol.ProblemException && !File.Exists(file.FullName))
        {
            return null;      // a checkpoint that was pruned meanwhile
        }
    }

    static RunFile OfWhatIsThere(FileInfo file, CancellationToken stop)
    {
        using var stream = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 16];
        var length = stream.Length;
        for (var left = length; left > 0;)
        {
            stop.ThrowIfCancellationRequested();
            var read = stream.Read(buffer, 0, (int)Math.Min(buffer.Length, left));
            if (read == 0)
                return OfWhatIsThere(file, stop);      // half a line was cut off meanwhile
            hash.AppendData(buffer, 0, read);
            left -= read;
        }
        return new RunFile("", length, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
