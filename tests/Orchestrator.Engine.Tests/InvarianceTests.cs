using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine.Tests;

/// <summary>One worker in one process says what the bytes are; everything else must end in them, adapter and ledger.</summary>
public sealed class InvarianceTests(InvarianceTests.Truth truth) : IClassFixture<InvarianceTests.Truth>, IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    public sealed class Truth : IDisposable
    {
        readonly Dictionary<bool, (JobPlan Plan, string Adapter, string Ledger)> known = [];
        readonly string folder = Directory.CreateTempSubdirectory("orchestrator-").FullName;

        public async Task<(JobPlan Plan, string Adapter, string Ledger)> Of(bool alpaca)
        {
            if (!known.TryGetValue(alpaca, out var truth))
            {
                // The records by the fast kernels, the golden run by the reference's.
                var plan = alpaca ? Jobs.Alpaca(folder) : Jobs.Golden(folder, spec => spec with { Device = spec.Device with { Kernels = KernelKind.Reference } });
                Assert.Contains(alpaca ? " fast " : " reference ", plan.Kind, StringComparison.Ordinal);
                var run = Path.Combine(folder, plan.Spec.Name);
                await using var job = await Jobs.Train(plan, run, "a:1");
                Assert.Equal(plan.Last.Number, job.Ledger.Count);
                known.Add(alpaca, truth = (plan, Jobs.AdapterDigest(plan, run), job.LedgerText()));
            }
            return truth;
        }

        public void Dispose() => Directory.Delete(folder, recursive: true);
    }

    async Task EndsAlike(bool alpaca, Rehearsal job)
    {
        var (plan, adapter, ledger) = await truth.Of(alpaca);
        var end = await job.Over;
        Assert.True(end.Phase == JobPhase.Completed, string.Join('\n', job.Reasons));
        Assert.Equal(adapter, Jobs.AdapterDigest(plan, folder));
        Assert.Equal(ledger, job.LedgerText());
    }

    [Theory]
    [InlineData(true, "a:2")]
    [InlineData(true, "a:3")]
    [InlineData(true, "a:4")]
    [InlineData(true, "a:5")]
    [InlineData(true, "a:8")]
    [InlineData(true, "a:2 b:1")]
    [InlineData(true, "a:1 b:2 c:1")]
    [InlineData(true, "a:1 b:1 c:1 d:2")]
    [InlineData(false, "a:2")]
    [InlineData(false, "a:5")]
    [InlineData(false, "a:3 b:2 c:2 d:1")]
    public async Task Any_number_of_workers_in_any_processes_ends_in_the_same_bytes(bool alpaca, string workers)
    {
        await using var job = new Rehearsal((await truth.Of(alpaca)).Plan, folder);
        job.Offer(Offers.Of(workers));
        await EndsAlike(alpaca, job);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Any_deal_of_the_micro_batches_ends_in_the_same_bytes(int seed)
    {
        await using var job = new Rehearsal((await truth.Of(alpaca: true)).Plan, folder)
        {
            Redeal = (generation, deal) =>
            {
                var random = new Random(seed * 1000 + (int)generation.Number);
                var owner = Enumerable.Range(0, deal.MicroBatches).Select(_ => random.Next(deal.Shares.Count)).ToArray();
                return new Deal(deal.MicroBatches, [.. deal.Shares.Select((share, k) => share with { Leaves = LeafRange.Of(Enumerable.Range(0, owner.Length).Where(m => owner[m] == k)) })]);
            },
        };
        job.Offer(Offers.Of("a:3 b:2"));
        await EndsAlike(alpaca: true, job);
    }

    [Fact]
    public async Task A_worker_killed_in_the_middle_and_offered_again_leaves_no_trace()
    {
        await using var job = new Rehearsal((await truth.Of(alpaca: true)).Plan, folder);
        job.Offer(Offers.Of("a:3"));
        await job.Reaches(2);
        Assert.True(job.Kill("a", 1));
        await job.Told(what => what is JobEvent.Lost { Slot: 1 });
        job.Offer(Offers.Of("a:3"));
        await EndsAlike(alpaca: true, job);
    }

    [Fact]
    public async Task A_worker_killed_in_another_process_and_offered_again_copies_the_state_over_the_exchange()
    {
        await using var processes = await Loopback.Of("a", "b", "c");
        await using var job = new Rehearsal((await truth.Of(alpaca: true)).Plan, folder, name => processes[name]);
        job.Offer(Offers.Of("a:2 b:1 c:1"));
        await job.Reaches(2);
        Assert.True(job.Kill("b", 0));
        await job.Told(what => what is JobEvent.Lost { Process: "b" });
        job.Offer(Offers.Of("a:2 b:1 c:1"));
        await EndsAlike(alpaca: true, job);
    }

    [Fact]
    public async Task A_job_that_is_paused_and_resumed_with_other_workers_ends_in_the_same_bytes()
    {
        var (plan, adapter, ledger) = await truth.Of(alpaca: true);
        await using (var before = new Rehearsal(plan, folder))
        {
            before.Offer(Offers.Of("a:3"));
            await before.Reaches(3);
            before.Suspend();
            Assert.Equal(JobPhase.Suspended, (await before.Over).Phase);
            Assert.InRange(before.Ledger.Count, 3, plan.Last.Number - 1);
            Assert.StartsWith(before.LedgerText(), ledger, StringComparison.Ordinal);
        }
        await using var after = await Jobs.Train(plan, folder, "a:1 b:4");
        Assert.Equal(adapter, Jobs.AdapterDigest(plan, folder));
        Assert.All(after.Ledger.Values, line => Assert.Contains(line.Parameters, ledger, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Workers_that_join_and_leave_while_it_trains_leave_no_trace()
    {
        await using var processes = await Loopback.Of("a", "b", "c", "d");
        await using var job = new Rehearsal((await truth.Of(alpaca: true)).Plan, folder, name => processes[name]);
        job.Offer(Offers.Of("a:1"));
        await job.Reaches(1);
        job.Offer(Offers.Of("a:2 b:1 c:1"));
        await job.Reaches(3);
        job.Offer(Offers.Of("b:1 d:2"));
        await EndsAlike(alpaca: true, job);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Any_schedule_of_kills_and_offers_ends_in_the_same_bytes(int seed)
    {
        var random = new Random(seed);
        var (plan, _, _) = await truth.Of(alpaca: false);
        await using var job = new Rehearsal(plan, folder);
        job.Offer(("a", random.Next(1, 6)));
        for (var step = random.Next(1, 4); step < plan.Last.Number; step += random.Next(1, 4))
        {
            await job.Reaches(step);
            if (random.Next(2) == 0)
                job.Kill("a", random.Next(3));
            job.Offer(("a", random.Next(1, 6)));
        }
        await EndsAlike(alpaca: false, job);
    }
}
