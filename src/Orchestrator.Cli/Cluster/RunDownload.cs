using System.Security.Cryptography;
using Orchestrator.Api.V1;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using File = System.IO.File;

namespace Orchestrator.Cli.Cluster;

/// <summary>
/// Fetches a job's run folder, each file under another name until its digest was found to be right. What is there already is not fetched again, and what broke is taken up where it ended, within a
/// command and from one to the next.
/// </summary>
static class RunDownload
{
    // A file that is written anew while it is fetched is listed again; one that always is may wait for the job's end.
    const int AttemptsMax = 5;

    // A server takes every file's digest once: some two seconds a gigabyte, and a run of `full` may be a hundred of them.
    static readonly TimeSpan digestsWithin = TimeSpan.FromMinutes(15);

    /// <summary>Fetches all files.</summary>
    /// <returns>those that are in the folder now</returns>
    public static async Task<IReadOnlyList<Api.V1.File>> Fetch(Connection cluster, string name, string folder, IProgress<TrainingProgress> view, CancellationToken stop)
    {
        for (var attempt = 1; ; attempt++)
        {
            var listed = (await cluster.Ask((way, options) => new Files.FilesClient(way).ListAsync(cluster.Job(name), options), stop, digestsWithin)).Files;
            var (total, done, changed) = (listed.Sum(file => file.Length), 0L, 0);
            foreach (var file in listed)
            {
                if (!await Fetch(cluster, name, file, PathOf(folder, file.Path), at => view.Report(new TrainingProgress.Preparing("downloading", done + at, total, "bytes")),
                    why => view.Report(new TrainingProgress.Said($"{why}; trying again", IsWarning: true)), stop))
                    changed++;
                done += file.Length;
            }
            if (changed == 0)
                return listed;
            if (attempt == AttemptsMax)
                throw new NoAnswerException($"{changed} of {listed.Count} files are written anew all the time, or arrive damaged; the others are in {folder}");
        }
    }

    // False where the bytes are not those that were listed.
    static async Task<bool> Fetch(Connection cluster, string name, Api.V1.File file, string path, Action<long> reached, Action<string> away, CancellationToken stop)
    {
        if (File.Exists(path) && new FileInfo(path).Length == file.Length && new FileDigests(cacheFolder: null).Sha256(path) == file.Sha256)
            return true;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var partial = Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.{file.Sha256[..16]}.partial");
        await using (var written = new FileStream(partial, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
        {
            if (written.Length > file.Length)
                written.SetLength(0);
            written.Seek(0, SeekOrigin.End);
            if (written.Length < file.Length)
            {
                await foreach (var part in cluster.Follow(
                    (way, place, options) => new Files.FilesClient(way).Download(new DownloadRequest { Namespace = cluster.Space, Name = name, Path = file.Path, Offset = place }, options),
                    written.Length, (part, place) => place + part.Bytes.Length, away, stop))
                {
                    var wanted = (int)Math.Min(part.Bytes.Length, file.Length - written.Length);
                    await written.WriteAsync(part.Bytes.Memory[..wanted], stop);      // what was appended since is not asked for
                    reached(written.Length);
                    if (written.Length == file.Length)
                        break;
                }
            }
            written.Flush(flushToDisk: true);
            written.Position = 0;
            if (written.Length != file.Length || Convert.ToHexStringLower(await SHA256.HashDataAsync(written, stop)) != file.Sha256)
            {
                File.Delete(partial);
                return false;
            }
        }
        File.Move(partial, path, overwrite: true);
        return true;
    }

    // What a server says is input: no file is written beside the folder.
    static string PathOf(string folder, string path)
    {
        var root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) + Path.DirectorySeparatorChar;
        var full = Path.GetFullPath(Path.Combine(root, path));
        return full.StartsWith(root, StringComparison.Ordinal) ? full : throw new ProblemException("files", path, "a path within the run folder", "the server is none of ours");
    }
}
