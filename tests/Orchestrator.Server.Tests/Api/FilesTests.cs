using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Orchestrator.Api.V1;
using File = System.IO.File;

namespace Orchestrator.Server.Tests.Api;

/// <summary>Run folders and uploads.</summary>
public sealed class FilesTests : IAsyncLifetime
{
    const string Spec = "{ name: alpaca, model: { path: llama-7b }, data: { path: /data/alpaca.json } }";

    ApiHost host = null!;
    Files.FilesClient files = null!;

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        host = await ApiHost.Start();
        files = new Files.FilesClient(host.Channel);
    }

    public ValueTask DisposeAsync() => host.DisposeAsync();

    async Task<string> Run()
    {
        await new Jobs.JobsClient(host.Channel).SubmitAsync(new SubmitRequest { Spec = Spec }, cancellationToken: Stop);
        var folder = host.Folders.Jobs("default", "alpaca").Path;
        foreach (var (path, text) in new[] { ("adapter.safetensors", "adapter"), ("ledger.jsonl", "{}\n{}\n"), ("checkpoints/step-00000001/manifest.json", "{}"), ("state/job.json", "ours"), (".adapter.safetensors.1.partial", "half"), ("checkpoints/.step-2.x.partial/manifest.json", "half") })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, path))!);
            File.WriteAllText(Path.Combine(folder, path), text);
        }
        return folder;
    }

    [Fact]
    public async Task A_run_folder_is_listed_with_digests_without_what_is_half_written_or_the_clusters_own()
    {
        await Run();
        var listed = (await files.ListAsync(new JobRequest { Name = "alpaca" }, cancellationToken: Stop)).Files;
        Assert.Equal(["adapter.safetensors", "checkpoints/step-00000001/manifest.json", "ledger.jsonl"], listed.Select(file => file.Path));
        Assert.Equal((7L, Sha256("adapter"u8)), (listed[0].Length, listed[0].Sha256));
        Assert.Equal((6L, Sha256("{}\n{}\n"u8)), (listed[2].Length, listed[2].Sha256));
    }

    [Fact]
    public async Task A_file_is_read_from_an_offset_on()
    {
        await Run();
        Assert.Equal("adapter", await Download("adapter.safetensors", 0));
        Assert.Equal("ter", await Download("adapter.safetensors", 4));
        Assert.Equal("", await Download("adapter.safetensors", 7));
        Assert.Equal(StatusCode.InvalidArgument, await Refusal("adapter.safetensors", 8));
    }

    [Theory]
    [InlineData("../alpaca/adapter.safetensors")]
    [InlineData("checkpoints/../adapter.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("state/job.json")]
    [InlineData(".adapter.safetensors.1.partial")]
    [InlineData("checkpoints/.step-2.x.partial/manifest.json")]
    [InlineData("checkpoints")]
    [InlineData("link")]
    [InlineData("folder/passwd")]
    [InlineData("")]
    public async Task No_path_leads_out_of_the_run_folder_or_to_what_is_not_listed(string path)
    {
        var folder = await Run();
        File.CreateSymbolicLink(Path.Combine(folder, "link"), "/etc/passwd");
        Directory.CreateSymbolicLink(Path.Combine(folder, "folder"), "/etc");
        Assert.Equal(StatusCode.NotFound, await Refusal(path, 0));
        Assert.Equal(3, (await files.ListAsync(new JobRequest { Name = "alpaca" }, cancellationToken: Stop)).Files.Count);
    }

    [Fact]
    public async Task An_upload_that_broke_is_taken_up_where_it_ended_by_another_server_life()
    {
        var bytes = RandomNumberGenerator.GetBytes(700_000);
        var digest = Sha256(bytes);
        using (var upload = files.Upload(cancellationToken: Stop))
        {
            await upload.RequestStream.WriteAsync(new UploadPart { Start = new UploadStart { Sha256 = digest, Length = bytes.Length } }, Stop);
            await upload.RequestStream.WriteAsync(new UploadPart { Bytes = ByteString.CopyFrom(bytes, 0, 200_000) }, Stop);
            while ((await files.GetBlobAsync(new BlobRequest { Sha256 = digest }, cancellationToken: Stop)).Received < 200_000)
                await Task.Delay(10, Stop);
        }
        await host.Stop();
        await host.StartAgain();
        var there = await files.GetBlobAsync(new BlobRequest { Sha256 = digest }, new CallOptions(cancellationToken: Stop).WithWaitForReady());
        Assert.Equal((200_000L, false), (there.Received, there.Complete));
        var whole = await Upload(digest, bytes, (int)there.Received);
        Assert.Equal((700_000L, true), (whole.Received, whole.Complete));
        Assert.Equal(bytes, await File.ReadAllBytesAsync(host.Folders.Blob(digest), Stop));
        Assert.Single(Directory.GetFiles(host.Folders.Blobs));
        Assert.True((await Upload(digest, bytes, 0)).Complete);      // again changes nothing
    }

    [Fact]
    public async Task Bytes_of_another_digest_are_thrown_away()
    {
        var digest = Sha256("what was promised"u8);
        Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => Upload(digest, "what was sent...."u8.ToArray(), 0))).StatusCode);
        Assert.Equal((0L, false), (await files.GetBlobAsync(new BlobRequest { Sha256 = digest }, cancellationToken: Stop)) is var there ? (there.Received, there.Complete) : default);
    }

    [Theory]
    [InlineData("short", 1)]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000", (1L << 30) + 1)]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000", -1)]
    [InlineData("../../../../../../../../../../../../../../../../../../../etc/passwd", 1)]
    public async Task What_cannot_be_an_upload_is_refused(string digest, long length)
    {
        using var upload = files.Upload(cancellationToken: Stop);
        await upload.RequestStream.WriteAsync(new UploadPart { Start = new UploadStart { Sha256 = digest, Length = length } }, Stop);
        Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => upload.ResponseAsync)).StatusCode);
    }

    [Fact]
    public async Task Many_who_upload_the_same_bytes_at_once_all_end_with_them()
    {
        var bytes = RandomNumberGenerator.GetBytes(3_000_000);
        var digest = Sha256(bytes);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            while (true)
            {
                var there = await files.GetBlobAsync(new BlobRequest { Sha256 = digest }, cancellationToken: Stop);
                if (there.Complete)
                    return;
                try
                {
                    await Upload(digest, bytes, (int)there.Received);
                }
                catch (RpcException e) when (e.StatusCode is StatusCode.Aborted or StatusCode.InvalidArgument)
                {
                    await Task.Delay(10, Stop);      // another one writes, or wrote more since it was asked
                }
            }
        }));
        Assert.Equal(bytes, await File.ReadAllBytesAsync(host.Folders.Blob(digest), Stop));
        Assert.Single(Directory.GetFiles(host.Folders.Blobs));
    }

    async Task<Blob> Upload(string digest, byte[] bytes, int offset)
    {
        using var upload = files.Upload(cancellationToken: Stop);
        try
        {
            await upload.RequestStream.WriteAsync(new UploadPart { Start = new UploadStart { Sha256 = digest, Length = bytes.Length, Offset = offset } }, Stop);
            foreach (var part in bytes.AsMemory(offset).ToArray().Chunk(100_000))
                await upload.RequestStream.WriteAsync(new UploadPart { Bytes = ByteString.CopyFrom(part) }, Stop);
            await upload.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // it was answered before the end
        }
        return await upload.ResponseAsync;
    }

    async Task<string> Download(string path, long offset)
    {
        using var download = files.Download(new DownloadRequest { Name = "alpaca", Path = path, Offset = offset }, cancellationToken: Stop);
        var text = "";
        await foreach (var part in download.ResponseStream.ReadAllAsync(Stop))
            text += part.Bytes.ToStringUtf8();
        return text;
    }

    async Task<StatusCode> Refusal(string path, long offset) => (await Assert.ThrowsAsync<RpcException>(() => Download(path, offset))).StatusCode;

    static string Sha256(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
