using System.Security.Cryptography;
using Orchestrator.Grains;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Server.Specs;

namespace Orchestrator.Server.Blobs;

/// <summary>How much of an upload is there.</summary>
/// <param name="Sha256">its digest, as whoever uploads it says</param>
/// <param name="Received">bytes that are there</param>
/// <param name="IsComplete">whether all are, and have that digest</param>
readonly record struct BlobState(string Sha256, long Received, bool IsComplete);

/// <summary>
/// Uploaded bytes, each file named by its SHA-256. An upload grows under another name, so it can be taken up after either side died, at any server that sees the folder; it gets its name once its
/// digest was found to be right, so what has a name is whole. Of several uploads of the same bytes one writes, the others are told to come back.
/// </summary>
sealed class BlobStore(ClusterFolders folders)
{
    /// <summary>Most bytes of an upload.</summary>
    public const long LengthMax = 1L << 30;

    // What nobody went on with for so long is given up.
    static readonly TimeSpan abandonedAfter = TimeSpan.FromDays(7);

    /// <summary>How much of an upload is there.</summary>
    public BlobState Find(string sha256)
    {
        Demand(sha256);
        if (new FileInfo(folders.Blob(sha256)) is { Exists: true } whole)
            return new BlobState(sha256, whole.Length, IsComplete: true);
        return new BlobState(sha256, new FileInfo(Partial(sha256)) is { Exists: true } partial ? partial.Length : 0, IsComplete: false);
    }

    /// <summary>The uploads that a spec names and that are not there.</summary>
    public IEnumerable<Problem> Missing(JobSpec spec)
    {
        if (RemoteSpec.DigestOf(spec.Data.Path) is { } digest && RemoteSpec.IsDigest(digest) && Find(digest) is { IsComplete: false } found)
            yield return new("data.path", found.Received == 0 ? $"nothing uploaded as {spec.Data.Path}" : $"{found.Received} bytes of {spec.Data.Path}", "records that are uploaded", "upload them first");
    }

    /// <summary>Opens an upload at the place where it ended.</summary>
    /// <param name="sha256">the digest that all of it is to have</param>
    /// <param name="length">all of it, bytes</param>
    /// <param name="offset">where the writer goes on</param>
    /// <returns>null where it is complete</returns>
    /// <exception cref="ProblemException">it is too long, or goes on somewhere else</exception>
    /// <exception cref="BlobBusyException">another writer is at it</exception>
    public BlobUpload? Open(string sha256, long length, long offset)
    {
        Demand(sha256);
        if (length is < 0 or > LengthMax)
            throw new ProblemException("length", $"{length}", $"at most {LengthMax} bytes", "put larger data where every server sees it, and name its path");
        if (File.Exists(folders.Blob(sha256)))
            return null;
        Directory.CreateDirectory(folders.Blobs);
        Forget();
        FileStream file;
        try
        {
            file = new FileStream(Partial(sha256), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (File.Exists(Partial(sha256)) && e.GetType() == typeof(IOException))
        {
            throw new BlobBusyException(sha256);
        }
        if (File.Exists(folders.Blob(sha256)))      // it was completed between the two looks
        {
            file.Dispose();
            File.Delete(Partial(sha256));
            return null;
        }
        if (file.Length == offset && offset <= length)
            return new BlobUpload(file, sha256, length, folders.Blob(sha256));
        var received = file.Length;
        file.Dispose();
        throw new ProblemException("offset", $"{offset}", $"{received}, which is what is there of at most {length}");
    }

    static void Demand(string sha256)
    {
        if (!RemoteSpec.IsDigest(sha256))
            throw new ProblemException("sha256", $"'{sha256}'", "64 hexadecimal digits in lower case");
    }

    void Forget()
    {
        foreach (var partial in Directory.EnumerateFiles(folders.Blobs, "*.partial"))
            if (File.GetLastWriteTimeUtc(partial) < DateTime.UtcNow - abandonedAfter)
                File.Delete(partial);
    }

    string Partial(string sha256) => folders.Blob(sha256) + ".partial";
}

/// <summary>Another writer is at the same upload: it is worth asking later how far it got.</summary>
sealed class BlobBusyException(string sha256) : Exception($"another upload of {sha256} is under way");

/// <summary>An upload that is being written; the only one of its bytes.</summary>
sealed class BlobUpload(FileStream file, string sha256, long length, string name) : IAsyncDisposable
{
    readonly FileStream file = AtEnd(file);

    /// <summary>Bytes that are there.</summary>
    public long Received => file.Position;

    /// <summary>Takes what comes next.</summary>
    /// <exception cref="ProblemException">it is more than was said</exception>
    public async ValueTask Append(ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        if (file.Position + bytes.Length > length)
            throw new ProblemException("bytes", $"more than {length}", "as many as the upload began with");
        await file.WriteAsync(bytes, stop);
    }

    /// <summary>Gives it its name, if all of it is there and has its digest; what has another is thrown away.</summary>
    /// <exception cref="ProblemException">the digest is another</exception>
    public async Task<BlobState> Complete(CancellationToken stop)
    {
        await file.FlushAsync(stop);
        file.Flush(flushToDisk: true);
        if (file.Position < length)
            return new BlobState(sha256, file.Position, IsComplete: false);
        file.Position = 0;
        var found = Convert.ToHexStringLower(await SHA256.HashDataAsync(file, stop));
        if (found != sha256)
        {
            File.Delete(file.Name);
            throw new ProblemException("sha256", found, sha256, "the bytes were changed on their way, or between two parts of the upload: begin again");
        }
        File.Move(file.Name, name, overwrite: true);      // under the lock: nobody else writes to what has its name now
        DurableFolder.Flush(Path.GetDirectoryName(name)!);
        return new BlobState(sha256, length, IsComplete: true);
    }

    static FileStream AtEnd(FileStream file)
    {
        file.Seek(0, SeekOrigin.End);
        return file;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => file.DisposeAsync();
}
