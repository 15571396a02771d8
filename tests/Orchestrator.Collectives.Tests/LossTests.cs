using System.Diagnostics;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Collectives.Tests;

public class LossTests
{
    static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    static readonly TimeSpan SoonEvenWhenBusy = 4 * Second;   // tens of milliseconds on a quiet machine

    [Fact]
    public async Task Peers_of_a_host_that_stops_abruptly_name_it_by_its_broken_stream()
    {
        await using var cluster = await Cluster.Of(3);
        var sessions = Enumerable.Range(0, 3).Select(i => cluster.Hosts[i].Exchange.Join(cluster.Membership(i))).ToArray();
        ReduceTogether(cluster, sessions, step: 1);
        var waiting = sessions[..2].Select(session => Task.Factory.StartNew(
            () => Assert.Throws<PeerLostException>(() => Reduce(session, step: 2)), TaskCreationOptions.LongRunning)).ToList();
        var watch = Stopwatch.StartNew();
        await cluster.Hosts[2].Stop();
        foreach (var lost in await Task.WhenAll(waiting))
        {
            Assert.Equal("p2", lost.Process);
            Assert.DoesNotContain("silent", lost.Reason);
        }
        Assert.True(watch.Elapsed < SoonEvenWhenBusy, $"took {watch.Elapsed}");
        Assert.True(sessions[0].Broken.IsCancellationRequested);
        Assert.Equal("p2", sessions[1].Loss?.Process);
        foreach (var session in sessions)
            session.Dispose();
    }

    [Fact]
    public async Task Peers_of_a_killed_process_name_it_at_once()
    {
        using var processes = Processes.Start(3, parameters: 10_000, steps: 10_000_000);
        await processes.Going();
        var watch = Stopwatch.StartNew();
        processes[1].Kill();
        var said = await Task.WhenAll(processes.Said(0), processes.Said(2));
        Assert.True(watch.Elapsed < SoonEvenWhenBusy, $"took {watch.Elapsed}");
        Assert.All(said, line => Assert.StartsWith("lost p1", line));
        Assert.All(said, line => Assert.DoesNotContain("silent", line!));   // by the broken stream, then: in milliseconds
    }

    [Fact]
    public async Task A_process_that_is_frozen_is_lost_after_the_silence_that_is_allowed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "a process is frozen by SIGSTOP");
        using var processes = Processes.Start(3, parameters: 10_000, steps: 10_000_000);
        await processes.Going();
        var watch = Stopwatch.StartNew();
        Process.Start("kill", ["-STOP", processes[1].Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]).WaitForExit();
        var said = await Task.WhenAll(processes.Said(0), processes.Said(2));
        Assert.InRange(watch.Elapsed, 0.8 * Second, 4 * Second);
        Assert.All(said, line => Assert.StartsWith("lost p1", line));
        Assert.Contains(said, line => line!.Contains("silent"));
    }

    [Fact]
    public async Task Peers_that_compute_for_long_keep_each_other_by_beats()
    {
        await using var cluster = await Cluster.Of(2, new ExchangeOptions { PeerSilence = TimeSpan.FromMilliseconds(300), BeatInterval = TimeSpan.FromMilliseconds(20) });
        var sessions = Enumerable.Range(0, 2).Select(i => cluster.Hosts[i].Exchange.Join(cluster.Membership(i))).ToArray();
        ReduceTogether(cluster, sessions, step: 1);
        var before = cluster.Hosts[0].Exchange.Counters.FramesReceived;
        SpinWait.SpinUntil(() => cluster.Hosts[0].Exchange.Counters.FramesReceived > before + 40 || sessions[0].Loss is not null);   // 800 ms
        ReduceTogether(cluster, sessions, step: 2);
        foreach (var session in sessions)
            session.Dispose();
    }

    [Fact]
    public async Task A_peer_that_never_joins_is_lost_when_the_time_to_join_is_over()
    {
        await using var cluster = await Cluster.Of(2, new ExchangeOptions { JoinTimeout = TimeSpan.FromMilliseconds(300) });
        using var session = cluster.Hosts[0].Exchange.Join(cluster.Membership(0));
        Assert.Equal("p1", Assert.Throws<PeerLostException>(() => Reduce(session, step: 1)).Process);
    }

    [Fact]
    public async Task A_peer_whose_port_opens_late_is_waited_for()
    {
        await using var first = await Host.Start();
        var port = FreePort();
        var peers = new[] { new Peer("p0", first.Address), new Peer("p1", new Uri($"http://127.0.0.1:{port}")) };
        var membership = new Membership("alpaca", new Generation(1), peers, 0, 2, 10);
        using var early = first.Exchange.Join(membership);
        var gradients = Gradients.Random(2, 10, seed: 1);
        var waiting = Task.Factory.StartNew(() => early.Run(1, gradients.Fold(m => m == 0), 10), TaskCreationOptions.LongRunning);
        await using var second = await Host.Start(port: port);
        using var late = second.Exchange.Join(membership with { Self = 1 });
        Steps.SameBits(gradients.Sum, late.Run(1, gradients.Fold(m => m == 1), 10));
        Steps.SameBits(gradients.Sum, await waiting);
    }

    [Fact]
    public async Task Whoever_leaves_after_the_last_step_is_not_missed_in_it()
    {
        await using var cluster = await Cluster.Of(4);
        for (var generation = 1; generation <= 5; generation++)
        {
            var gradients = Gradients.Random(4, 1000, seed: generation);
            var g = generation;
            Steps.OnThreads(4, self =>
            {
                using var session = cluster.Hosts[self].Exchange.Join(cluster.Membership(self, generation: g));
                Steps.SameBits(gradients.Sum, session.Run(7, gradients.Fold(m => m == self), 1000));
                return 0;   // disposed at once, while others may wait for frames of third ones
            });
        }
    }

    [Fact]
    public async Task Who_left_is_lost_to_those_who_go_on()
    {
        await using var cluster = await Cluster.Of(2);
        var sessions = Enumerable.Range(0, 2).Select(i => cluster.Hosts[i].Exchange.Join(cluster.Membership(i))).ToArray();
        ReduceTogether(cluster, sessions, step: 1);
        sessions[1].Dispose();
        var lost = Assert.Throws<PeerLostException>(() => Reduce(sessions[0], step: 2));
        Assert.Equal(("p1", "it left after step 1"), (lost.Process, lost.Reason));
        sessions[0].Dispose();
    }

    [Fact]
    public async Task The_one_that_is_named_is_the_one_that_was_lost_not_the_one_that_left_because_of_it()
    {
        await using var cluster = await Cluster.Of(3);
        var sessions = Enumerable.Range(0, 3).Select(i => cluster.Hosts[i].Exchange.Join(cluster.Membership(i))).ToArray();
        ReduceTogether(cluster, sessions, step: 1);
        ((ExchangeSession)sessions[0]).Lose(2, "the test says so");
        sessions[0].Dispose();
        var lost = Assert.Throws<PeerLostException>(() => Reduce(sessions[1], step: 2));
        Assert.Equal("p2", lost.Process);
        Assert.Equal("p0", Assert.Throws<PeerLostException>(() => Reduce(sessions[2], step: 2)).Process);
        sessions[1].Dispose();
        sessions[2].Dispose();
    }

    [Fact]
    public void A_wait_can_be_cancelled()
    {
        var membership = new Membership("alpaca", new Generation(1), [new Peer("p0", new Uri("http://p0")), new Peer("p1", new Uri("http://p1"))], 0, 2, 10);
        using var session = new InMemoryExchange().Join(membership);
        using var stop = new CancellationTokenSource();
        var waiting = Task.Factory.StartNew(() => session.Reduce(new Step(1), StopWish.None, new float[10], stop.Token), TaskCreationOptions.LongRunning);
        stop.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => waiting.GetAwaiter().GetResult());
    }

    static ReducedStep Reduce(IExchangeSession session, long step) => session.Reduce(new Step(step), StopWish.None, new float[1000], TestContext.Current.CancellationToken);

    static void ReduceTogether(Cluster cluster, IExchangeSession[] sessions, long step)
    {
        var gradients = Gradients.Random(4, 1000, (int)step);
        Steps.OnThreads(sessions.Length, self => sessions[self].Run(step, gradients.Fold(m => m % sessions.Length == self), 1000));
    }

    static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }
}
