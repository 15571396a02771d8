using System.Security.Cryptography;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Data;

/// <summary>The file that a dataset came from: its digest, and its records' texts as long as it has not changed.</summary>
internal sealed class DatasetSourceFile
{
    readonly string path;
    readonly long bytes;
    readonly DateTime written;

    DatasetSourceFile(string path)
    {
        this.path = path;
        var info = new FileInfo(path);
        (bytes, written) = (info.Length, info.LastWriteTimeUtc); // before the digest, so that a change after its beginning is seen
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 1 << 16);
        Digest = Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    /// <exception cref="ProblemException">it is missing or cannot be read</exception>
    public static DatasetSourceFile Open(string path)
    {
        try
        {
            return new DatasetSourceFile(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ProblemException(path, Directory.Exists(path) ? "a folder" : "no file", "a file of records");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(path, e.Message, "a file of records that can be read");
        }
    }

    /// <summary>SHA-256 of its bytes.</summary>
    public string Digest { get; }

    /// <exception cref="ProblemException">it has changed</exception>
    public void ThrowIfChanged()
    {
        var now = new FileInfo(path);
        if (!now.Exists || now.Length != bytes || now.LastWriteTimeUtc != written)
            throw new ProblemException(path, now.Exists ? "another file than was opened" : "no file", "one that stays as it is while it is used");
    }

    /// <summary>Reads one record's texts again.</summary>
    /// <exception cref="ProblemException">it has changed</exception>
    public AlpacaRecord Read(RecordExtent extent)
    {
        ThrowIfChanged();
        using var file = File.OpenHandle(path);
        var json = new byte[extent.Length];
        var read = RandomAccess.Read(file, json, extent.Offset);
        return (read == json.Length ? AlpacaRecord.Read(json, new RecordPlace(null, 0)) : null)
            ?? throw new ProblemException(path, "another file than was opened", "one that stays as it is while it is used");
    }
}
