using CsCheck;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine.Tests;

public sealed class AccountsTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Every_worker_second_is_in_one_state_through_a_kill_and_a_resize()
    {
        var plan = Jobs.Alpaca(folder, records: 320);      // 20 steps
        await using var processes = await Loopback.Of("a", "b");
        await using var job = new Rehearsal(plan, folder, process => processes[process]);
        job.Offer(("a", 2));
        await job.Reaches(4);
        Assert.True(job.Kill("a", 1));
        await job.Reaches(8);
        job.Offer(("a", 3), ("b", 1));
        await job.Reaches(12);
        job.Offer(("a", 2));
        Assert.Equal(JobPhase.Completed, (await job.Over).Phase);
        await job.AllLeft;

        var wall = job.Stays.Sum(stay => (stay.Until - stay.From).TotalSeconds);
        var seconds = job.Seconds;
        Assert.True(job.Stays.Count >= 5, $"{job.Stays.Count} stays");      // a/1 twice; whoever is lost on a crowded machine comes back as well
        Assert.InRange(seconds.All, wall * 0.99, wall * 1.01);
        Assert.Equal(seconds.All, seconds.ByState().Sum(state => state.Value), 1e-9);
        Assert.True(seconds.Compute > 0 && seconds.Load > 0 && seconds.Recovery > 0, seconds.ToString());
        Assert.InRange(seconds.Goodput!.Value, 0, 1);
        TestContext.Current.SendDiagnosticMessage($"{wall:F2} s on the wall: {seconds}");
    }

    // A worker of the test: it has a time of its own, tells now and then, and what it tells comes late, twice, or not at all.
    [Fact]
    public void Repeats_and_losses_double_nothing()
        => Gen.Select(Gen.Int[0, 9], Gen.Int[0, 100], Gen.Int[0, 5]).Array[1, 60].Sample(history =>
        {
            var accounts = new JobAccounts(new StoredAccounts(), TimeSpan.Zero);
            var (worker, incarnation) = (new WorkerId("a", 0), Guid.NewGuid());
            var (now, truth, told) = (TimeSpan.Zero, WorkerSeconds.None, new List<WorkerAccount>());
            accounts.Take(new WorkerAccount(worker, incarnation, WorkerState.Idle, WorkerSeconds.None, IsFinal: false), now);
            foreach (var (state, milliseconds, then) in history)
            {
                now += TimeSpan.FromMilliseconds(milliseconds);
                truth = truth.With((WorkerState)state, milliseconds / 1000.0);
                if (then < 3)
                    told.Add(new WorkerAccount(worker, incarnation, (WorkerState)state, truth, IsFinal: false));
                if (then is 1 or 2)
                    accounts.Take(told[^1], now);
                if (then == 2)
                    accounts.Take(told[told.Count / 2], now);      // an old one, once more
                if (then == 3)
                    Lose(accounts, worker, now);
                if (then == 4)      // the job's server died: what is stored goes on, on another clock
                    accounts = new JobAccounts(accounts.Stored, now);
            }
            var before = accounts.Stored.Seconds;
            accounts.Take(new WorkerAccount(worker, incarnation, WorkerState.Idle, truth, IsFinal: true), now);
            accounts.Take(new WorkerAccount(worker, incarnation, WorkerState.Idle, truth, IsFinal: true), now);
            Assert.Equal(truth.All, accounts.At(now + TimeSpan.FromHours(1)).All, 1e-6);
            foreach (var (state, seconds) in before.ByState())
                Assert.True(accounts.Stored.Seconds.ByState().Single(later => later.Key == state).Value >= seconds - 1e-9, $"{state} went back");
        });

    [Fact]
    public void What_a_lost_worker_did_not_live_to_tell_is_recovery()
    {
        var accounts = new JobAccounts(new StoredAccounts(), TimeSpan.Zero);
        var worker = new WorkerId("a", 0);
        accounts.Take(new WorkerAccount(worker, Guid.NewGuid(), WorkerState.Compute, WorkerSeconds.None.With(WorkerState.Compute, 10), IsFinal: false), TimeSpan.FromSeconds(10));
        Assert.Equal(12, accounts.At(TimeSpan.FromSeconds(12)).Compute, 1e-9);      // as it seems
        Lose(accounts, worker, TimeSpan.FromSeconds(13));
        Assert.Equal((10, 3), (accounts.At(TimeSpan.FromSeconds(20)).Compute, accounts.At(TimeSpan.FromSeconds(20)).Recovery));
    }

    [Fact]
    public void Work_that_was_dropped_is_paid_by_the_work_that_follows()
    {
        var work = new WorkInHand(4);
        var step = new Step(7);
        Do(0, WorkerState.Compute);
        Do(1, WorkerState.Compute);
        work.Keep(m => m != 1);                                     // micro-batch 1 is dealt to somebody else
        Do(2, WorkerState.Recompute);                               // who pays with it here
        Do(3, WorkerState.Compute);
        work.Committed(step);
        work.Keep(_ => false);                                      // nothing of a step in force can be dropped
        Do(0, WorkerState.Compute);

        void Do(int m, WorkerState expected)
        {
            var state = work.Begin(isCommitted: false);
            Assert.Equal(expected, state);
            work.Done(step, m, state, isCommitted: false, past: 100, counts: true);
        }
    }

    static void Lose(JobAccounts accounts, WorkerId worker, TimeSpan now)
        => accounts.Decided(new JobEvent.Lost(worker.Silo, worker.Slot, Generation.None, "gone"),
            new JobState { Workers = [new WorkerView(worker, new Uri("http://a"), IsMember: true, Generation.None, Standing: null)] }, new JobState(), now);
}
