using System.Net;
using System.Net.Sockets;
using System.Text;
using CsCheck;
using Grpc.Core;
using Orchestrator.Collectives.Http2;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Collectives.Tests;

public class FrameCallTests
{
    [Fact]
    public async Task A_gradient_passes_through_windows_and_frames_that_are_smaller_than_its_pieces()
    {
        const int Parameters = 600_001;      // 2.4 MB: several windows of 768 KiB, and frames of 16 KiB, as a server has them that was not tuned
        await using var cluster = new Cluster { Hosts = await Task.WhenAll(Host.Start(tuned: false), Host.Start(tuned: false)) };
        var steps = Enumerable.Range(1, 3).Select(seed => Gradients.Random(2, Parameters, seed)).ToArray();
        Steps.OnThreads(2, self =>
        {
            using var session = cluster.Hosts[self].Exchange.Join(cluster.Membership(self, microBatches: 2, Parameters));
            for (var s = 0; s < steps.Length; s++)
                Steps.SameBits(steps[s].Sum, session.Run(1 + s, steps[s].Fold(m => m == self), Parameters));
            return 0;
        });
    }

    [Fact]
    public async Task A_server_without_an_exchange_is_lost_at_once_and_named()
    {
        await using var host = await Host.Start();
        await using var other = await Host.Start(map: _ => { });
        using var session = host.Exchange.Join(new Membership("alpaca", new Generation(1), [new Peer("p0", host.Address), new Peer("p1", other.Address)], 0, 2, 10));
        var lost = Assert.Throws<PeerLostException>(() => session.Reduce(new Step(1), StopWish.None, new float[10], TestContext.Current.CancellationToken));
        Assert.Equal("p1", lost.Process);
        Assert.Contains("no exchange", lost.Reason);
    }

    [Fact]
    public async Task Whatever_a_server_answers_the_call_ends()
    {
        var random = new Random(1);
        for (var round = 0; round < 60; round++)
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var answer = Answer(random);
            var serving = Task.Run(async () =>
            {
                using var client = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
                await client.GetStream().WriteAsync(answer, TestContext.Current.CancellationToken);
            }, TestContext.Current.CancellationToken);
            using var call = await FrameCall.Open(new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"), "/a/b", TestContext.Current.CancellationToken);
            await serving;
            var end = await Record.ExceptionAsync(() => call.Answer.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
            Assert.True(end is null or IOException or InvalidDataException or RpcException or ArgumentException, end?.ToString());
        }
    }

    // Frames of every type with any payload and any flags, and plain garbage.
    static byte[] Answer(Random random)
    {
        var bytes = new List<byte>();
        for (var frame = 0; frame < 4; frame++)
        {
            var payload = new byte[random.Next(40)];
            random.NextBytes(payload);
            var head = new byte[FrameHead.Bytes];
            new FrameHead(random.Next(8) == 0 ? 1 << 20 : payload.Length, (FrameType)random.Next(12), (FrameFlags)random.Next(64), random.Next(2)).Write(head);
            bytes.AddRange([.. head, .. payload]);
        }
        return [.. bytes];
    }

    [Fact]
    public void A_status_is_read_from_trailers_as_servers_write_them()
    {
        Assert.Equal(new Status(StatusCode.FailedPrecondition, "générations: 4 < 5"),
            HeaderBlock.StatusOf([0x20, 0x88, 0x0F, 0x10, .. Text("application/grpc"), 0, .. Text("grpc-status"), .. Text("9"), 0x40, .. Text("grpc-message"), .. Text("g%C3%A9n%C3%A9rations: 4 < 5")]));
        Assert.Equal(StatusCode.OK, HeaderBlock.StatusOf([0x10, .. Text("grpc-status"), .. Text("0"), 0x10, .. Text("other"), .. Text(new string('x', 127))])?.StatusCode);
        Assert.Null(HeaderBlock.StatusOf([0x88]));
        Assert.Null(HeaderBlock.StatusOf(HeaderBlock.OfCall(new Uri("http://" + new string('h', 200) + ":5001"), "/orchestrator.exchange.v1.Gradients/Stream")));

        static byte[] Text(string text) => text.Length < 127 ? [(byte)text.Length, .. Encoding.ASCII.GetBytes(text)] : [127, (byte)(text.Length - 127), .. Encoding.ASCII.GetBytes(text)];
    }

    [Fact]
    public void Any_bytes_are_a_block_of_headers_or_refused() => Gen.Byte.Array[0, 60].Sample(bytes =>
    {
        try
        {
            HeaderBlock.StatusOf(bytes);
        }
        catch (InvalidDataException)
        {
        }
    }, iter: 2000, threads: 1);

    [Fact]
    public async Task Room_is_what_connection_stream_and_frame_allow_and_is_waited_for()
    {
        using var windows = new Http2.Windows();
        Assert.Equal(16_384, await windows.Take(100_000));
        windows.Set(Setting.MaxFrameSize, 1 << 20);
        windows.Set(Setting.InitialWindowSize, 1 << 20);
        Assert.Equal(65_535 - 16_384, await windows.Take(100_000));
        var waiting = windows.Take(100_000, least: 50).AsTask();
        windows.Give(49, onConnection: true);
        windows.Give(1, onConnection: false);
        Assert.False(waiting.IsCompleted);
        windows.Give(11, onConnection: true);
        Assert.Equal(60, await waiting);
        waiting = windows.Take(1).AsTask();
        windows.Close();
        await Assert.ThrowsAsync<IOException>(() => waiting);
        Assert.Throws<InvalidDataException>((Action)(() => windows.Set(Setting.MaxFrameSize, 1)));
    }
}
