using System.Buffers;
using System.Net.Sockets;
using CsCheck;
using Grpc.Core;
using Grpc.Net.Client;
using Orchestrator.Collectives.Wire;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Collectives.Tests;

public class HostileFramesTests
{
    [Fact]
    public void Doubled_reordered_and_foreign_frames_change_no_bit() => Gen.Select(Gen.Int[2, 5], Gen.Int[1, 12], Gen.Int[0, 1 << 30]).Sample((processes, microBatches, seed) =>
    {
        const int Parameters = 77;
        using var net = new HostileNetwork(processes, microBatches, Parameters, seed);
        var random = new Random(seed);
        var deal = Enumerable.Range(0, microBatches).Select(_ => random.Next(processes)).ToArray();
        var steps = Enumerable.Range(0, 3).Select(s => Gradients.Random(microBatches, Parameters, seed + s)).ToArray();
        Steps.OnThreads(processes, self =>
        {
            for (var s = 0; s < steps.Length; s++)
                Steps.SameBits(steps[s].Sum, net.Sessions[self].Run(5 + s, steps[s].Fold(m => deal[m] == self), Parameters));
            return 0;
        });
        Assert.True(net.Counters.FramesDropped > 0);
    }, iter: 30);

    [Fact]
    public void Two_processes_that_computed_the_same_micro_batch_stop_the_step()
    {
        var exchange = new InMemoryExchange();
        var gradients = Gradients.Random(2, 10, seed: 1);
        Membership Of(int self) => new("alpaca", new Generation(1), [new Peer("p0", new Uri("http://p0")), new Peer("p1", new Uri("http://p1"))], self, 2, 10);
        var seen = Steps.OnThreads(2, self =>
        {
            using var session = exchange.Join(Of(self));
            return Record.Exception(() => session.Run(1, gradients.Fold(m => self == 0 || m == 1), 10));
        });
        Assert.Contains(seen, e => e is BrokenInvariantException);
        Assert.DoesNotContain(null, seen);
    }

    [Fact]
    public async Task An_older_generation_is_refused_for_good_and_a_newer_one_for_the_time_being()
    {
        await using var cluster = await Cluster.Of(2);
        using var session = cluster.Hosts[0].Exchange.Join(cluster.Membership(0, generation: 5));
        Assert.Equal(StatusCode.FailedPrecondition, await Answer(cluster, Hello(generation: 4)));
        Assert.Equal(StatusCode.Unavailable, await Answer(cluster, Hello(generation: 6)));
        Assert.Equal(StatusCode.Unavailable, await Answer(cluster, Hello(generation: 5, job: "other")));
        Assert.Equal(StatusCode.FailedPrecondition, await Answer(cluster, Hello(generation: 5, parameters: 7)));
        Assert.Equal(StatusCode.InvalidArgument, await Answer(cluster, Hello(generation: 5, from: 9)));
        Assert.Equal(StatusCode.InvalidArgument, await Answer(cluster, new Frame(new Header { Phase = Phase.Wish, Generation = 5 })));
        Assert.Null(session.Loss);
    }

    [Fact]
    public async Task A_process_of_an_older_generation_learns_that_it_is_over()
    {
        await using var cluster = await Cluster.Of(2);
        using var newer = cluster.Hosts[0].Exchange.Join(cluster.Membership(0, generation: 2));
        using var older = cluster.Hosts[1].Exchange.Join(cluster.Membership(1, generation: 1));
        var lost = Assert.Throws<PeerLostException>(() => older.Reduce(new Step(1), StopWish.None, new float[1000], TestContext.Current.CancellationToken));
        Assert.Contains("generation 1 is over", lost.Reason);
        Assert.Throws<InvalidOperationException>(() => cluster.Hosts[0].Exchange.Join(cluster.Membership(0, generation: 2)));
    }

    [Fact]
    public async Task Garbage_on_the_port_disturbs_nobody()
    {
        await using var cluster = await Cluster.Of(2);
        var sessions = Enumerable.Range(0, 2).Select(i => cluster.Hosts[i].Exchange.Join(cluster.Membership(i))).ToArray();
        var random = new Random(1);
        for (var i = 0; i < 10; i++)
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", cluster.Hosts[0].Address.Port, TestContext.Current.CancellationToken);
            var garbage = new byte[1000];
            random.NextBytes(garbage);
            await client.GetStream().WriteAsync(i % 2 == 0 ? garbage : [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. garbage], TestContext.Current.CancellationToken);
        }
        ReduceTogether(sessions, step: 1);
        Assert.Equal(StatusCode.AlreadyExists, await Answer(cluster, Hello(generation: 1)));   // one that says it is the peer which is here
        ReduceTogether(sessions, step: 2);
        foreach (var session in sessions)
            session.Dispose();
    }

    static void ReduceTogether(IExchangeSession[] sessions, long step)
    {
        var gradients = Gradients.Random(4, 1000, (int)step);
        Steps.OnThreads(sessions.Length, self =>
        {
            Steps.SameBits(gradients.Sum, sessions[self].Run(step, gradients.Fold(m => m % sessions.Length == self), 1000));
            return 0;
        });
    }

    static Frame Hello(long generation, string job = "alpaca", int parameters = 1000, int from = 1) => new(new Header
    {
        Phase = Phase.Hello, Generation = generation,
        Hello = new Hello { Job = job, From = from, To = 0, Processes = 2, MicroBatches = 4, Parameters = parameters },
    });

    static async Task<StatusCode> Answer(Cluster cluster, Frame first)
    {
        using var channel = GrpcChannel.ForAddress(cluster.Hosts[0].Address);
        using var call = channel.CreateCallInvoker().AsyncDuplexStreamingCall(FrameMarshaller.Method(new FramePool()), null, new CallOptions());
        await call.RequestStream.WriteAsync(first);
        return (await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(TestContext.Current.CancellationToken))).StatusCode;
    }
}

/// <summary>Delivers frames in any order, some of them twice, and beside them some that nobody sent.</summary>
sealed class HostileNetwork : IDisposable
{
    readonly List<(int From, int To, byte[] Bytes)> underway = [];
    readonly Thread postman;
    readonly FramePool pool = new();
    bool over;

    public HostileNetwork(int processes, int microBatches, int parameters, int seed)
    {
        var peers = Enumerable.Range(0, processes).Select(i => new Peer($"p{i}", new Uri($"http://p{i}"))).ToList();
        Sessions = [.. Enumerable.Range(0, processes).Select(self => new ExchangeSession(new Membership("alpaca", new Generation(3), peers, self, microBatches, parameters), pool, Counters)
            .Connect([.. Enumerable.Range(0, processes).Select(to => to == self ? null : new Link(this, self, to))], () => { }))];
        postman = new Thread(() => Deliver(new Random(seed)));
        postman.Start();
    }

    public ExchangeSession[] Sessions { get; }

    public ExchangeCounters Counters { get; } = new();

    public void Dispose()
    {
        lock (underway)
        {
            over = true;
            Monitor.PulseAll(underway);
        }
        postman.Join();
    }

    void Deliver(Random random)
    {
        while (true)
        {
            (int From, int To, byte[] Bytes) next;
            lock (underway)
            {
                while (underway.Count == 0 && !over)
                    Monitor.Wait(underway);
                if (over)
                    return;
                var at = random.Next(underway.Count);
                next = underway[at];
                if (random.Next(4) != 0)   // else it will come again
                    underway.RemoveAt(at);
            }
            Sessions[next.To].Receive(next.From, Read(next.Bytes));
            var foreign = Read(next.Bytes);
            switch (random.Next(5))
            {
                case 0: foreign.Header.Generation--; break;
                case 1: foreign.Header.Piece = random.Next() - (1 << 30); break;
                case 2: foreign.Header.Count = Math.Max(0, foreign.Header.Count - 1 - random.Next(5)); foreign.Header.Phase = Phase.Gather; break;
                case 3: (foreign.Header.Phase, foreign.Header.Lo, foreign.Header.Hi) = (Phase.Scatter, random.Next() - (1 << 30), random.Next()); break;
                case 4: foreign.Header.Phase = (Phase)random.Next(); break;
            }
            Sessions[next.To].Receive(next.From, foreign);
        }
    }

    Frame Read(byte[] bytes) => FrameMarshaller.Read(new ReadOnlySequence<byte>(bytes), pool);

    sealed class Link(HostileNetwork net, int from, int to) : IPeerLink
    {
        public void Send(Frame frame)
        {
            lock (net.underway)
            {
                net.underway.Add((from, to, Wires.Bytes(frame)));
                Monitor.PulseAll(net.underway);
            }
            frame.Release();
        }
    }
}
