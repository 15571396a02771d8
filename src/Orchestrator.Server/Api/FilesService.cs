using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Orchestrator.Api.V1;
using Orchestrator.Grains;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Protocol;
using Orchestrator.Server.Blobs;
using Orchestrator.Server.Security;
using File = Orchestrator.Api.V1.File;

namespace Orchestrator.Server.Api;

/// <summary>The service <c>Files</c>: a job's run folder, and uploaded records.</summary>
sealed class FilesService(IGrainFactory grains, ClusterFolders folders, RunFiles files, BlobStore blobs, LimitsOptions limits, TimeProvider clock, IHostApplicationLifetime life) : Files.FilesBase
{
    const int PartBytesMax = 256 << 10;
    const int SentBytes = 64 << 10;      // below what the garbage collector keeps apart as large

    /// <inheritdoc/>
    public override async Task<FileList> List(JobRequest request, ServerCallContext context)
    {
        var job = await Find(request.Namespace, request.Name);
        var found = await Task.Run(() => files.List(folders.Jobs(job.Space, job.Name), context.CancellationToken), context.CancellationToken);
        var answer = new FileList();
        answer.Files.Add(found.Select(file => new File { Path = file.Path, Length = file.Length, Sha256 = file.Sha256 }));
        return answer;
    }

    /// <inheritdoc/>
    public override async Task Download(DownloadRequest request, IServerStreamWriter<FilePart> responseStream, ServerCallContext context)
    {
        var job = await Find(request.Namespace, request.Name);
        var file = RunFiles.Locate(folders.Jobs(job.Space, job.Name), request.Path) ?? throw NoFile(job, request.Path);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, life.ApplicationStopping);
        using var stream = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan | FileOptions.Asynchronous);
        if (request.Offset < 0 || request.Offset > stream.Length)
            throw new ProblemException("offset", $"{request.Offset}", $"0 to {stream.Length}, the file's length");
        stream.Seek(request.Offset, SeekOrigin.Begin);
        while (true)
        {
            var buffer = new byte[SentBytes];      // the message keeps it until it is sent
            var read = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, stop.Token);
            if (read == 0)
                return;
            await responseStream.WriteAsync(new FilePart { Bytes = UnsafeByteOperations.UnsafeWrap(buffer.AsMemory(0, read)) }, stop.Token);
        }
    }

    /// <inheritdoc/>
    public override async Task<Blob> Upload(IAsyncStreamReader<UploadPart> requestStream, ServerCallContext context)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, life.ApplicationStopping);
        using var silence = new CancellationTokenSource(limits.IdleWithin, clock);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop.Token, silence.Token);
        try
        {
            return await Take(requestStream, silence, patience.Token);
        }
        catch (OperationCanceledException) when (silence.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Aborted, $"nothing came for {limits.IdleWithin}; ask how far it got, and go on where it ended"));
        }
    }

    async Task<Blob> Take(IAsyncStreamReader<UploadPart> requestStream, CancellationTokenSource silence, CancellationToken stop)
    {
        if (!await requestStream.MoveNext(stop) || requestStream.Current is not { WhatCase: UploadPart.WhatOneofCase.Start, Start: var start })
            throw new ProblemException("start", "no start", "an upload that begins with it");
        await using var upload = Begin(start.Sha256, start.Length, start.Offset);
        if (upload is null)
            return Mapped(blobs.Find(start.Sha256));
        while (await requestStream.MoveNext(stop))
        {
            silence.CancelAfter(limits.IdleWithin);
            if (requestStream.Current is not { WhatCase: UploadPart.WhatOneofCase.Bytes, Bytes: { Length: <= PartBytesMax } bytes })
                throw new ProblemException("bytes", "another start, or too many bytes", $"at most {PartBytesMax} bytes");
            await upload.Append(bytes.Memory, stop);
        }
        silence.CancelAfter(Timeout.InfiniteTimeSpan);
        return Mapped(await upload.Complete(stop));
    }

    BlobUpload? Begin(string sha256, long length, long offset)
    {
        try
        {
            return blobs.Open(sha256, length, offset);
        }
        catch (BlobBusyException busy)
        {
            throw new RpcException(new Status(StatusCode.Aborted, $"{busy.Message}; ask how far it got, and go on where it ended"));
        }
    }

    /// <inheritdoc/>
    public override Task<Blob> GetBlob(BlobRequest request, ServerCallContext context) => Task.FromResult(Mapped(blobs.Find(request.Sha256)));

    /// <summary>There is no such file.</summary>
    public static RpcException NoFile(JobAddress job, string path)
        => Refusals.Of(StatusCode.NotFound, new Problem("path", $"no '{path}' of job {job}", "a file of its run folder", "the list of its files names them"));

    static Blob Mapped(BlobState state) => new() { Sha256 = state.Sha256, Received = state.Received, Complete = state.IsComplete };

    async Task<JobAddress> Find(string space, string name)
    {
        var job = JobAddress.Of(space, name);
        return await grains.GetGrain<ISchedulerGrain>(0).Find(job.Key) is null ? throw Refusals.NoJob(job) : job;
    }
}
