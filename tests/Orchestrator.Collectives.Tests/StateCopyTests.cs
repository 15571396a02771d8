using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Orchestrator.Collectives.Wire;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Collectives.Tests;

public class StateCopyTests
{
    static readonly StateCopy Copies = new(new ExchangeOptions());

    [Fact]
    public async Task A_copy_has_the_bytes_names_and_step_of_the_original()
    {
        await using var host = await Host.Start();
        var state = new ReplicaState(new Step(41), [new("parameters", Bytes(5_000_000)), new("nothing", Bytes(0)), new("moments", Bytes(1_234_567))]);
        using var served = host.StateCopy.Serve("alpaca", (generation, _) => ValueTask.FromResult(generation.Number == 3 ? state : null));
        var copy = await Copies.Fetch(new Peer("p0", host.Address), "alpaca", new Generation(3), TestContext.Current.CancellationToken);
        Assert.Equal(state.Step, copy.Step);
        Assert.Equal(state.Blobs.Select(blob => (blob.Name, Convert.ToHexString(SHA256.HashData(blob.Bytes.Span)))), copy.Blobs.Select(blob => (blob.Name, Convert.ToHexString(SHA256.HashData(blob.Bytes.Span)))));
    }

    [Fact]
    public async Task A_peer_without_the_state_says_so()
    {
        await using var host = await Host.Start();
        var e = await Assert.ThrowsAsync<StateCopyException>(() => Fetch(host));
        Assert.Contains("no state of alpaca", e.Message);
        Assert.Equal("p0", e.Process);
    }

    [Fact]
    public async Task A_copy_that_ends_early_is_refused()
        => Assert.Contains("ends after 10 of 20 bytes of parameters", (await Refused(Manifest(20, new byte[20]), new StatePart { Bytes = ByteString.CopyFrom(new byte[10]) })).Message);

    [Fact]
    public async Task A_copy_with_other_bytes_is_refused()
        => Assert.Contains("parameters has another SHA-256", (await Refused(Manifest(20, new byte[20]), new StatePart { Bytes = ByteString.CopyFrom(Bytes(20)) })).Message);

    [Fact]
    public async Task A_copy_that_does_not_end_is_refused()
        => Assert.Contains("more than it announced", (await Refused(Manifest(20, new byte[20]), new StatePart { Bytes = ByteString.CopyFrom(new byte[21]) })).Message);

    [Theory]
    [InlineData(-1)]
    [InlineData(1L << 33)]
    [InlineData(long.MaxValue)]
    public async Task A_peer_that_announces_too_much_is_refused_before_memory_is_taken(long bytes)
        => Assert.Contains("it announces", (await Refused(Manifest(bytes, []))).Message);

    [Fact]
    public async Task A_copy_without_a_manifest_is_refused() => Assert.Contains("without a manifest", (await Refused()).Message);

    static Task<ReplicaState> Fetch(Host host) => Copies.Fetch(new Peer("p0", host.Address), "alpaca", new Generation(3), TestContext.Current.CancellationToken);

    static async Task<StateCopyException> Refused(params StatePart[] parts)
    {
        LyingPeer.Parts = parts;
        await using var host = await Host.Start(map: app => app.MapGrpcService<LyingPeer>());
        return await Assert.ThrowsAsync<StateCopyException>(() => Fetch(host));
    }

    static StatePart Manifest(long length, byte[] bytes)
        => new() { Manifest = new StateManifest { Step = 1, Blobs = { new Wire.StateBlob { Name = "parameters", Length = length, Sha256 = ByteString.CopyFrom(SHA256.HashData(bytes)) } } } };

    static byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }

    internal sealed class LyingPeer : State.StateBase
    {
        public static StatePart[] Parts { get; set; } = [];

        public override async Task Copy(StateRequest request, IServerStreamWriter<StatePart> answers, ServerCallContext context)
        {
            foreach (var part in Parts)
                await answers.WriteAsync(part);
        }
    }
}
