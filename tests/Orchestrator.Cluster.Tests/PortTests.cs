using System.Net.Sockets;
using System.Text;
using Orchestrator.Collectives;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Cluster.Tests;

/// <summary>Messages that nobody asked for, to the ports of servers with a job.</summary>
[Collection(OneCluster.Name)]
public sealed class PortTests(SharedCluster cluster)
{
    static readonly TimeSpan answersWithin = TimeSpan.FromMilliseconds(200);

    // What HTTP/2 begins with, and then a frame of settings.
    static readonly byte[] preface = [.. Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 0, 0, 0, 4, 0, 0, 0, 0, 0];

    [Fact]
    public async Task Garbage_on_every_port_changes_nothing()
    {
        var job = await cluster.Begun(workers: 6);
        await job.Reaches(3);
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < 4; round++)
        {
            foreach (var server in cluster.Servers.Servers)
            {
                for (var port = server.Ports; port < server.Ports + 5; port++)
                    await Throw(port, Garbage(random, round));
            }
        }
        Assert.All(cluster.Servers.Servers, server => Assert.True(server.IsAlive, server.Log));
        await cluster.Job.HoldsFor(job);
    }

    static byte[] Garbage(Random random, int kind)
    {
        var noise = new byte[random.Next(1, 100_000)];
        random.NextBytes(noise);
        return kind switch
        {
            0 => noise,
            1 => [.. preface, .. noise],                                                      // of the right protocol, then not
            2 => [0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f, .. noise],                  // a length of two gigabytes
            _ => Encoding.ASCII.GetBytes($"POST /{Convert.ToHexString(noise.AsSpan(0, Math.Min(noise.Length, 40)))} HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"),
        };
    }

    static async Task Throw(int port, byte[] garbage)
    {
        using var client = new TcpClient();
        using var patience = new CancellationTokenSource(answersWithin);
        try
        {
            await client.ConnectAsync("127.0.0.1", port, patience.Token);
            await client.GetStream().WriteAsync(garbage, patience.Token);
            var answer = new byte[4096];
            while (await client.GetStream().ReadAsync(answer, patience.Token) > 0)
            {
            }
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            // whoever is thrown garbage at may hang up, or wait for more
        }
    }

    [Fact]
    public async Task Gradients_of_somebody_else_are_refused()
    {
        var job = await cluster.Begun(workers: 4);
        await job.Reaches(3);
        await job.Scale(6);      // a second generation
        await job.Is(now => now.Workers == 6, "has 6 workers", TimeSpan.FromSeconds(20));
        var generation = (await job.Now()).Generation;
        Refused(job.Key, generation - 1, job.Written);      // of a generation that is over
        Refused(job.Key, generation + 1000, job.Written);      // of one that is not there
        Refused("somebody/else", generation, job.Written);      // of another job
        await cluster.Job.HoldsFor(job);
    }

    void Refused(string job, long generation, long step)
    {
        const int parameters = 5136;
        using var stranger = new GradientExchange(new ExchangeOptions { JoinTimeout = TimeSpan.FromSeconds(1) }, TimeProvider.System);
        Peer[] peers = [new("stranger", new Uri("http://127.0.0.1:9")), .. cluster.Servers.Servers.Select(server => new Peer(server.Name, server.Exchange))];
        using var session = stranger.Join(new Membership(job, new Generation(generation), peers, Self: 0, MicroBatches: 8, parameters));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        Assert.Throws<PeerLostException>(() => session.Reduce(new Step(step + 1), StopWish.None, new float[parameters], patience.Token));
    }
}
