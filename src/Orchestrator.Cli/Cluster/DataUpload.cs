using Google.Protobuf;
using Grpc.Core;
using Orchestrator.Api.V1;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using File = System.IO.File;

namespace Orchestrator.Cli.Cluster;

/// <summary>Brings records to a cluster under their digest. What is there is not sent again, and what broke is taken up where it ended.</summary>
static class DataUpload
{
    /// <summary>Most bytes that a cluster takes.</summary>
    public const long LengthMax = 1L << 30;

    const int PartBytes = 128 << 10;

    static readonly TimeSpan between = TimeSpan.FromMilliseconds(500);

    /// <summary>Uploads a file.</summary>
    /// <returns>its SHA-256</returns>
    /// <exception cref="ProblemException">it is too large, or was changed meanwhile</exception>
    public static async Task<string> Send(Connection cluster, string path, IProgress<TrainingProgress> view, CancellationToken stop)
    {
        var length = new FileInfo(path).Length;
        if (length > LengthMax)
            throw new ProblemException("data.path", $"{path} of {ProgressText.Bytes(length)}", $"at most {ProgressText.Bytes(LengthMax)}", "put it where every server sees it, and say --no-upload");
        var digest = await Task.Run(() => new FileDigests(CacheFolder.Path).Sha256(path), stop);
        var since = TimeProvider.System.GetTimestamp();
        var reached = -1L;
        while (true)
        {
            var there = await cluster.Ask((way, options) => new Files.FilesClient(way).GetBlobAsync(new BlobRequest { Sha256 = digest }, options), stop);
            if (there.Complete)
                return digest;
            if (there.Received > reached)
                (reached, since) = (there.Received, TimeProvider.System.GetTimestamp());
            if (await Send(cluster, path, new UploadStart { Sha256 = digest, Length = length, Offset = there.Received }, view, stop) is not { } broken)
                continue;
            if (TimeProvider.System.GetElapsedTime(since) > Connection.StreamPatience)
                throw new NoAnswerException($"the upload does not go on: {broken}");
            view.Report(new TrainingProgress.Said($"{cluster.Server}: {broken}; trying again", IsWarning: true));
            cluster.Next();
            await Task.Delay(between, stop);
        }
    }

    // Null once the server has answered, else why it broke.
    static async Task<string?> Send(Connection cluster, string path, UploadStart start, IProgress<TrainingProgress> view, CancellationToken stop)
    {
        await using var file = File.OpenRead(path);
        file.Seek(start.Offset, SeekOrigin.Begin);
        using var call = new Files.FilesClient(cluster.Invoker).Upload(cancellationToken: stop);
        try
        {
            try
            {
                await call.RequestStream.WriteAsync(new UploadPart { Start = start }, stop);
                for (var buffer = new byte[PartBytes]; await file.ReadAsync(buffer, stop) is > 0 and var read;)
                {
                    await call.RequestStream.WriteAsync(new UploadPart { Bytes = ByteString.CopyFrom(buffer, 0, read) }, stop);
                    view.Report(new TrainingProgress.Preparing("uploading", file.Position, start.Length, "bytes"));
                }
                await call.RequestStream.CompleteAsync();
            }
            catch (Exception e) when (e is InvalidOperationException or HttpIOException or RpcException && !stop.IsCancellationRequested)
            {
                // The server has answered before the end: what it says is told below.
            }
            await call.ResponseAsync;
            return null;
        }
        catch (RpcException e) when (!stop.IsCancellationRequested && Answers.IsPassing(e))
        {
            return Answers.Reason(e);
        }
        catch (RpcException e)
        {
            stop.ThrowIfCancellationRequested();
            throw Answers.Refusal(e);
        }
    }
}
