using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;
using Orchestrator.Grains;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Protocol;
using Orchestrator.Server.Blobs;

namespace Orchestrator.Server.Api;

/// <summary>What REST has beside the transcoded calls: plain bytes, with ranges.</summary>
static class RestRoutes
{
    /// <summary>Adds them.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/jobs/{name}/files/{**path}", Download);
        routes.MapPut("/v1/blobs/{sha256}", Upload);
    }

    static async Task<IResult> Download(string name, string path, [Microsoft.AspNetCore.Mvc.FromQuery(Name = "namespace")] string? space, IGrainFactory grains, ClusterFolders folders)
    {
        try
        {
            var job = JobAddress.Of(space ?? "", name);
            if (await grains.GetGrain<ISchedulerGrain>(0).Find(job.Key) is null)
                throw Refusals.NoJob(job);
            var file = RunFiles.Locate(folders.Jobs(job.Space, job.Name), path) ?? throw FilesService.NoFile(job, path);
            var tag = new EntityTagHeaderValue($"\"{file.Length:x}-{file.LastWriteTimeUtc.Ticks:x}\"");
            var stream = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return Results.Stream(stream, TypeOf(file.Extension), lastModified: file.LastWriteTimeUtc, entityTag: tag, enableRangeProcessing: true);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return Refused(ErrorInterceptor.Answer(e));
        }
    }

    static async Task<IResult> Upload(string sha256, long? offset, HttpContext context, BlobStore blobs)
    {
        try
        {
            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
                limit.MaxRequestBodySize = BlobStore.LengthMax;
            var from = offset ?? 0;
            var length = context.Request.ContentLength ?? throw new ProblemException("Content-Length", "none", "the number of bytes that follow");
            await using var upload = blobs.Open(sha256, from + length, from);
            if (upload is not null)
            {
                var buffer = new byte[1 << 16];
                for (int read; (read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0;)
                    await upload.Append(buffer.AsMemory(0, read), context.RequestAborted);
                await upload.Complete(context.RequestAborted);
            }
            var state = blobs.Find(sha256);
            return Results.Json(new { sha256 = state.Sha256, received = state.Received, complete = state.IsComplete });
        }
        catch (BlobBusyException busy)
        {
            return Refused(new RpcException(new Status(StatusCode.Aborted, busy.Message)));
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return Refused(ErrorInterceptor.Answer(e));
        }
    }

    // The same shape and codes as those of the transcoded calls.
    static IResult Refused(RpcException answer) => Results.Json(
        new { code = (int)answer.StatusCode, message = answer.Status.Detail, details = Array.Empty<object>() },
        statusCode: answer.StatusCode switch
        {
            StatusCode.InvalidArgument or StatusCode.FailedPrecondition => StatusCodes.Status400BadRequest,
            StatusCode.NotFound => StatusCodes.Status404NotFound,
            StatusCode.AlreadyExists or StatusCode.Aborted => StatusCodes.Status409Conflict,
            StatusCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
            _ => StatusCodes.Status500InternalServerError,
        });

    static string TypeOf(string extension) => extension switch
    {
        ".json" => "application/json",
        ".jsonl" => "application/x-ndjson",
        ".html" => "text/html; charset=utf-8",
        _ => "application/octet-stream",
    };
}
