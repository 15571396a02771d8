using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Files;

/// <summary>
/// SHA-256 of files. A large file is hashed once: the digest is kept in a folder under the file's path, size and time of change, and asked for
/// again only when one of them differs.
/// </summary>
/// <param name="cacheFolder">where digests are kept; null hashes every time. What stands there may be deleted at any time.</param>
public sealed class FileDigests(string? cacheFolder)
{
    /// <summary>Files below this size are hashed in less time than the cache is asked.</summary>
    const long CachedBytesMin = 256 << 10;

    /// <summary>SHA-256 of a file, in lower-case hexadecimal digits.</summary>
    /// <param name="path">the file</param>
    /// <param name="bytesRead">told of every piece read, in bytes since the last call; not called when the digest was known</param>
    /// <exception cref="ProblemException">it cannot be read</exception>
    public string Sha256(string path, IProgress<long>? bytesRead = null)
    {
        try
        {
            var given = new FileInfo(Path.GetFullPath(path));
            // Hugging Face's cache is made of links, whose own size and time say nothing.
            var file = given.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? given;
            var known = cacheFolder is null || file.Length < CachedBytesMin ? null : Path.Combine(cacheFolder, $"{KeyOf(file)}.sha256");
            if (known is not null && File.Exists(known) && File.ReadAllText(known) is { Length: 2 * SHA256.HashSizeInBytes } kept && kept.All(char.IsAsciiHexDigitLower))
                return kept;
            var digest = Hash(file.FullName, bytesRead);
            if (known is not null)
                Keep(known, digest);
            return digest;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(path, e.Message, "a file that can be read");
        }
    }

    static string KeyOf(FileInfo file) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Create(CultureInfo.InvariantCulture, $"{file.FullName}\n{file.Length}\n{file.LastWriteTimeUtc.Ticks}"))));

    static string Hash(string path, IProgress<long>? bytesRead)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[64 << 10];      // small enough not to be a large object: a checkpoint is read often
        for (int read; (read = file.Read(buffer)) > 0; bytesRead?.Report(read))
            hash.AppendData(buffer, 0, read);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    static void Keep(string known, string digest)
    {
        try
        {
            AtomicFile.Write(known, stream => stream.Write(Encoding.ASCII.GetBytes(digest)));
        }
        catch (ProblemException)
        {
            // A cache that cannot be written costs time, nothing else.
        }
    }
}
