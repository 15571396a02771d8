using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Collectives;
using Orchestrator.Engine.Resident;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine.Tests;

public sealed class RaceTests : IDisposable
{
    static readonly TimeSpan patience = TimeSpan.FromSeconds(30);
    static readonly WorkerId me = new("a", 0);

    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-").FullName;
    readonly ResidentBases bases = new();
    readonly Heard heard = new();

    public void Dispose() => Directory.Delete(folder, recursive: true);

    TrainingEngine Engine() => new(Options, bases, new InMemoryExchange(), new StateShelf(new StateCopy(new ExchangeOptions())), NullLogger<TrainingEngine>.Instance);

    EngineOptions Options => new() { Process = "a", CacheFolder = Path.Combine(folder, "cache") };

    JobAssignment Job => new(Jobs.Golden(folder), Path.Combine(folder, "run"));

    sealed class Heard : IJobReports
    {
        public BlockingCollection<object> All { get; } = [];

        public void Tell(JobEvent what) => All.Add(what);

        public void Tell(StepReport step) => All.Add(step);

        public void Follow(Telemetry.WorkerClock clock)
        {
        }

        public void Complete() => All.Add("complete");

        public T Next<T>()
        {
            using var limit = new CancellationTokenSource(patience);
            while (true)
            {
                if (All.Take(limit.Token) is T found)
                    return found;
            }
        }
    }

    [Fact]
    public void An_invitation_behind_a_release_is_not_lost()
    {
        using var engine = Engine();
        var job = Job;
        for (var generation = 1L; generation < 30; generation++)
        {
            engine.Post(me, job, new Order.Invite(new Generation(generation)), _ => heard);
            Assert.Equal(generation, heard.Next<JobEvent.Stood>().Generation.Number);
            engine.Post(me, job, new Order.Release(new Generation(generation)), _ => heard);
        }
    }

    [Fact]
    public void A_worker_that_is_killed_takes_no_later_order_with_it()
    {
        using var engine = Engine();
        var job = Job;
        engine.Post(me, job, new Order.Invite(new Generation(1)), _ => heard);
        heard.Next<JobEvent.Stood>();
        for (var generation = 2L; generation < 20; generation++)
        {
            Assert.True(engine.Kill(job.Name, me));
            engine.Post(me, job, new Order.Muster(new Generation(generation)), _ => heard);
            Assert.Equal(generation, heard.Next<JobEvent.Stood>().Generation.Number);
        }
    }

    [Fact]
    public void A_job_hears_of_a_leaving_workers_checkpoint_before_its_reports_are_complete()
    {
        using var presence = new JobPresence(Job, Options, bases, new InMemoryExchange(), new StateShelf(new StateCopy(new ExchangeOptions())), new EngineLog(NullLogger<TrainingEngine>.Instance));
        using var replica = presence.NewReplica(0);
        presence.Write(replica, Generation.None, heard.Tell);
        presence.Write(replica, Generation.None, heard.Tell);
        presence.CompleteAfterWrites(heard);
        heard.Next<string>();
        Assert.Empty(heard.All);
    }

    [Fact]
    public async Task An_engine_that_is_disposed_while_its_workers_compute_leaves_none()
    {
        var plan = Jobs.Golden(folder, spec => spec with { Training = spec.Training with { Epochs = 1000 } });
        var job = new Rehearsal(plan, Path.Combine(folder, "run"));
        job.Offer(Offers.Of("a:3"));
        await job.Reaches(5);
        await job.DisposeAsync().AsTask().WaitAsync(patience, TestContext.Current.CancellationToken);
        Assert.False(job.Over.IsFaulted);
    }

    [Fact]
    public void Slots_that_enter_a_generation_at_once_share_one_session_and_one_sum()
    {
        var exchange = new InMemoryExchange();
        using var reduction = new LocalReduction("j", "a", microBatches: 4, parameters: 3, exchange);
        for (var generation = 1L; generation <= 20; generation++)
        {
            var begin = Begin(generation, slots: 4);
            var sums = new float[4];
            Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, slot =>
            {
                Assert.True(reduction.Enter(begin));
                var leaf = reduction.Rent(slot);
                leaf.Gradient.AsSpan().Fill(slot + 1);
                leaf.Tokens = 1;
                Assert.True(reduction.Add(begin.Generation, Step.Start.Next, leaf, By(slot, slot)));
            });
            var threads = Enumerable.Range(0, 4).Select(slot => new Thread(() =>
            {
                var round = reduction.Arrive(begin.Generation, Step.Start.Next, StopWish.None);
                Assert.True(round.Wait(patience, CancellationToken.None));
                Assert.Equal(4, round.Outcome().Tokens);
                sums[slot] = round.Sum[2];
                round.Release();
            })).ToList();
            threads.ForEach(thread => thread.Start());
            Assert.All(threads, thread => Assert.True(thread.Join(patience)));
            Assert.All(sums, sum => Assert.Equal(10, sum));
        }
    }

    [Fact]
    public void A_generation_that_cannot_be_joined_fails_for_every_slot()
    {
        using var reduction = new LocalReduction("j", "a", microBatches: 2, parameters: 3, new NoExchange());
        var begin = Begin(1, slots: 2);
        Assert.Throws<InvalidOperationException>(() => reduction.Enter(begin));
        Assert.True(reduction.Enter(begin));
        reduction.Arrive(begin.Generation, Step.Start.Next, StopWish.None);
        var round = reduction.Arrive(begin.Generation, Step.Start.Next, StopWish.None);
        Assert.True(round.Wait(patience, CancellationToken.None));
        Assert.Throws<InvalidOperationException>(() => round.Outcome());
    }

    sealed class NoExchange : IGradientExchange
    {
        public IExchangeSession Join(Membership membership) => throw new InvalidOperationException("no way to the peers");
    }

    [Fact]
    public void What_is_finished_stays_for_the_next_generation_as_far_as_its_shares_cover_it()
    {
        using var reduction = new LocalReduction("j", "a", microBatches: 4, parameters: 3, new InMemoryExchange());
        var first = Begin(1, slots: 2);
        reduction.Enter(first);
        foreach (var m in new[] { 0, 1, 3 })
            reduction.Add(first.Generation, Step.Start.Next, reduction.Rent(m), By(0, m));
        var other = new WorkerId("b", 0);
        var deal = new Deal(4, [new WorkerShare(me, [new LeafRange(1, 2), new LeafRange(3, 4)]), new WorkerShare(other, [new LeafRange(0, 1), new LeafRange(2, 3)])]);
        reduction.Enter(Begin(2, slots: 1) with { First = deal, Later = deal, Processes = [Address("a"), Address("b")] });
        Assert.Equal([false, false, false, true], Enumerable.Range(0, 4).Select(reduction.Holds));      // 0 and 1 are one sum, and b contributes 0
    }

    [Fact]
    public void A_sum_that_a_slot_has_not_let_go_of_is_not_written_over()
    {
        using var reduction = new LocalReduction("j", "a", microBatches: 2, parameters: 3, new InMemoryExchange());
        var hung = Sum(reduction, Begin(1, slots: 2), value: 1);
        var later = Begin(2, slots: 2) with { Base = Step.Start.Next };
        for (var generation = 2L; generation < 6; generation++)
        {
            var round = Sum(reduction, later with { Generation = new Generation(generation) }, value: 10);
            Assert.Equal(20, round.Sum[1]);
            round.Release();
            round.Release();
        }
        Assert.Equal(2, hung.Sum[1]);
    }

    static ReductionRound Sum(LocalReduction reduction, Order.Begin begin, float value)
    {
        Assert.True(reduction.Enter(begin));
        for (var slot = 0; slot < 2; slot++)
        {
            var leaf = reduction.Rent(slot);
            leaf.Gradient.AsSpan().Fill(value);
            Assert.True(reduction.Add(begin.Generation, begin.Base.Next, leaf, By(slot, slot)));
        }
        reduction.Arrive(begin.Generation, begin.Base.Next, StopWish.None);
        var round = reduction.Arrive(begin.Generation, begin.Base.Next, StopWish.None);
        Assert.True(round.Wait(patience, CancellationToken.None));
        round.Outcome();
        return round;
    }

    [Fact]
    public void What_was_computed_in_anothers_place_comes_into_the_sum_when_it_is_dealt_and_only_then()
    {
        using var reduction = new LocalReduction("j", "a", microBatches: 2, parameters: 3, new InMemoryExchange());
        var first = Begin(1, slots: 2);
        reduction.Enter(first);
        Assert.False(reduction.IsThere(1));
        Assert.True(reduction.Hedge(first.Generation, Step.Start.Next, reduction.Rent(1), By(0, 1)));
        Assert.True(reduction.IsThere(1));
        Assert.False(reduction.HasArrived(1));
        Assert.False(reduction.Holds(1));
        Assert.False(reduction.Hedge(first.Generation, Step.Start.Next, reduction.Rent(1), By(0, 1)));      // one is enough
        var alone = new Deal(2, [new WorkerShare(me, [new LeafRange(0, 2)])]);
        reduction.Enter(first with { Generation = new Generation(2), First = alone, Later = alone });
        Assert.True(reduction.Holds(1));
    }

    [Fact]
    public void What_may_be_wrong_and_what_another_has_computed_where_it_is_audited_is_dropped()
    {
        using var reduction = new LocalReduction("j", "a", microBatches: 2, parameters: 3, new InMemoryExchange(), audits: true);
        var first = Begin(1, slots: 2);
        reduction.Enter(first);
        reduction.Add(first.Generation, Step.Start.Next, reduction.Rent(0), By(0, 0));
        reduction.Add(first.Generation, Step.Start.Next, reduction.Rent(1), By(1, 1));
        Assert.Equal([By(0, 0)], reduction.DigestsOf(first.Generation, Step.Start.Next, [0]));
        var alone = new Deal(2, [new WorkerShare(me, [new LeafRange(0, 2)])]);
        reduction.Enter(first with { Generation = new Generation(2), First = alone, Later = alone });
        Assert.False(reduction.Holds(0) || reduction.Holds(1));      // one sum, half of which a worker computed that is gone
        reduction.Add(new Generation(2), Step.Start.Next, reduction.Rent(0), By(0, 0));
        reduction.Enter(first with { Generation = new Generation(4), First = alone, Later = alone, Since = new Generation(3) });
        Assert.False(reduction.Holds(0));
    }

    [Fact]
    public void Who_looks_after_a_thread_sees_what_takes_too_long_and_nothing_else()
    {
        var watch = new HangWatch();
        Assert.False(watch.Look());
        watch.Begin(seconds: 0.5);
        Assert.Equal([false, false, false, true], Enumerable.Range(0, 4).Select(_ => watch.Look()));
        watch.End();
        Assert.False(watch.Look());
        watch.Begin(double.PositiveInfinity);
        Assert.All(Enumerable.Range(0, 100), _ => Assert.False(watch.Look()));
        for (var i = 0; i < 10; i++)
        {
            watch.End();
            watch.Begin(0);
            Assert.False(watch.Look());      // another micro-batch each time
        }
    }

    static LeafDigest By(int slot, int m) => new(m, new WorkerId("a", slot), null);

    static ProcessAddress Address(string process) => new(process, new Uri($"http://{process}"));

    static Order.Begin Begin(long generation, int slots)
    {
        var deal = new Deal(slots, [.. Enumerable.Range(0, slots).Select(slot => new WorkerShare(new WorkerId("a", slot), [new LeafRange(slot, slot + 1)]))]);
        return new Order.Begin(new Generation(generation), Step.Start, new StateSource.Own(), [Address("a")], deal, deal, new Step(9), Serves: false);
    }
}
