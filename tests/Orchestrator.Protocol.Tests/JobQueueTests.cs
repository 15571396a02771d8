using CsCheck;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Scheduling;

namespace Orchestrator.Protocol.Tests;

public sealed class JobQueueTests
{
    static readonly string[] devices = ["cpu x", "cpu y", "cuda z"];

    static readonly Gen<QueueSilo[]> silos = Gen.Select(Gen.Int[0, 4], Gen.Int[0, 2], Gen.Int[0, 9]).Array[0, 5]
        .Select(all => all.Select((silo, i) => new QueueSilo($"s{i}", silo.Item1, devices[silo.Item2], silo.Item3 < 8 ? SiloUse.Open : silo.Item3 == 8 ? SiloUse.Cordoned : SiloUse.Leaving)).ToArray());

    static readonly Gen<QueuedJob[]> jobs = Gen.Select(Gen.Int[1, 6], Gen.Int[0, 9], Gen.Int[0, 3], Gen.Int[0, 4]).Array[0, 6]
        .Select(all => all.Select((job, i) => new QueuedJob($"j{i}", job.Item1)
        {
            IsWanted = job.Item2 > 0,
            Needs = job.Item3 == 0 ? DeviceKind.Cpu : job.Item3 == 1 ? DeviceKind.Cuda : null,
            Lacks = job.Item4 == 0 ? new Dictionary<string, string> { ["s0"] = "no base" } : [],
        }).ToArray());

    // What a cluster makes of its decisions: whoever has workers begins, and keeps their device.
    static QueuedJob[] After(QueuedJob[] all, IReadOnlyList<JobLease> leases, QueueSilo[] silos) => [.. all.Zip(leases, (job, lease) => job with
    {
        Leased = lease.Workers,
        Held = lease.Workers,
        IsStarted = job.IsStarted || lease.Workers.Count > 0,
        Device = job.Device ?? (lease.Workers.Count > 0 ? silos.First(silo => silo.Silo == lease.Workers[0].Silo).Device : null),
    })];

    [Fact]
    public void No_worker_is_leased_twice_and_every_lease_is_of_one_device_that_the_job_may_use()
        => Gen.Select(jobs, silos, silos).Sample((jobs, first, then) =>
        {
            Lawful(jobs, first, JobQueue.Decide(jobs, first));
            var running = After(jobs, JobQueue.Decide(jobs, first), first);
            Lawful(running, then, JobQueue.Decide(running, then));
        });

    static void Lawful(QueuedJob[] jobs, QueueSilo[] silos, IReadOnlyList<JobLease> leases)
    {
        Assert.Equal(jobs.Select(job => job.Key), leases.Select(lease => lease.Job));
        var all = leases.SelectMany(lease => lease.Workers).ToList();
        Assert.Equal(all.Count, all.Distinct().Count());
        foreach (var (job, lease) in jobs.Zip(leases))
        {
            var used = lease.Workers.Select(worker => silos.Single(silo => silo.Silo == worker.Silo)).ToList();
            Assert.True(used.Select(silo => silo.Device).Distinct().Count() <= 1);
            Assert.All(used, silo => Assert.True((job.Device is null || silo.Device == job.Device) && silo.Use != SiloUse.Leaving && !job.Lacks.ContainsKey(silo.Silo)));
            Assert.All(lease.Workers, worker => Assert.True(worker.Slot < silos.Single(silo => silo.Silo == worker.Silo).Slots));
            Assert.True(lease.Workers.Count <= job.Workers);
            Assert.True(job.IsWanted || lease.Workers.Count == 0);
            Assert.True(job.IsStarted || lease.Workers.Count == 0 || lease.Workers.Count == job.Workers, "a job begins with all that it wants");
            Assert.False(string.IsNullOrWhiteSpace(lease.Reason));
            Assert.Equal(job.IsWanted && lease.Workers.Count == 0, lease.Position > 0);
        }
    }

    [Fact]
    public void Nobody_waits_whose_whole_gang_is_free_and_nobody_passes_one_that_could_have_had_its_workers()
        => Gen.Select(jobs, silos).Sample((jobs, silos) =>
        {
            var leases = JobQueue.Decide(jobs, silos);
            var taken = new HashSet<WorkerId>();
            foreach (var (job, lease) in jobs.Zip(leases))
            {
                if (job.IsWanted && lease.Workers.Count == 0)
                    Assert.All(devices, device => Assert.True(Free(job, device) < job.Workers, $"{job.Key} could have begun on {device} before those behind it"));
                taken.UnionWith(lease.Workers);
            }

            int Free(QueuedJob job, string device) => silos.Where(silo => silo.Device == device && silo.Use == SiloUse.Open && !job.Lacks.ContainsKey(silo.Silo)
                    && (job.Needs is null || device.StartsWith(job.Needs == DeviceKind.Cpu ? "cpu" : "cuda", StringComparison.Ordinal)))
                .Sum(silo => Enumerable.Range(0, silo.Slots).Count(slot => !taken.Contains(new WorkerId(silo.Silo, slot))));
        });

    [Fact]
    public void What_is_leased_stays_where_it_is_as_long_as_nothing_forces_it()
        => Gen.Select(jobs, silos).Sample((jobs, silos) =>
        {
            var running = After(jobs, JobQueue.Decide(jobs, silos), silos);
            var again = JobQueue.Decide(running, silos);
            Assert.All(running.Zip(again), pair => Assert.Equal(pair.First.Leased, pair.Second.Workers));

            var more = JobQueue.Decide([.. running.Select(job => job with { Workers = job.Workers + 1 })], [.. silos, new QueueSilo("new", 2, devices[0])]);
            Assert.All(running.Zip(more), pair => Assert.True(pair.First.Leased.All(pair.Second.Workers.Contains), "scaling up takes nothing away"));

            var fewer = JobQueue.Decide([.. running.Select(job => job with { Workers = Math.Max(1, job.Workers - 1) })], silos);
            Assert.All(running.Zip(fewer), pair => Assert.True(pair.Second.Workers.Count == 0 || pair.First.Leased.Count == 0 || pair.Second.Workers.All(pair.First.Leased.Contains), "scaling down moves nobody"));
        });

    [Fact]
    public void A_job_that_lost_a_worker_is_refilled_before_a_new_one_begins_and_runs_on_meanwhile()
    {
        QueuedJob[] jobs = [new("first", 3) { IsStarted = true, Device = "cpu x", Leased = [new("a", 0), new("a", 1), new("gone", 0)] }, new("second", 1)];
        var leases = JobQueue.Decide(jobs, [new("a", 3, "cpu x")]);
        Assert.Equal([new("a", 0), new("a", 1), new("a", 2)], leases[0].Workers);
        Assert.Empty(leases[1].Workers);
        leases = JobQueue.Decide(jobs, [new("a", 2, "cpu x"), new("b", 1, "cpu y")]);
        Assert.Equal(2, leases[0].Workers.Count);
        Assert.Equal([new("b", 0)], leases[1].Workers);
        Assert.Equal("has 2 of 3 workers; none more is free; there are 2 in all: scale it to 2, or add 1 worker", leases[0].Reason);
    }

    [Fact]
    public void Who_waits_is_told_why_and_what_would_let_it_run()
    {
        QueuedJob[] jobs =
        [
            new("a", 2) { IsStarted = true, Device = "cpu x", Leased = [new("s", 0), new("s", 1)] }, new("b", 5), new("c", 4), new("d", 1),
            new("e", 1) { Needs = DeviceKind.Cuda }, new("f", 1) { IsWanted = false },
        ];
        var leases = JobQueue.Decide(jobs, [new("s", 4, "cpu x")]);
        Assert.Equal(
        [
            "has its 2 workers",
            "waits for 5 workers of one kind; 1 is free; there are 4 in all: scale it to 4, or add 1 worker",
            "waits for 4 workers of one kind; 1 is free; a has 2, d has 1: it starts when 3 more come free, or when it is scaled to 1; ahead of it waits b for 5",
            "has its 1 worker",
            "waits for 1 worker of one kind of GPU; no server computes on one kind of GPU; add one",
            "paused by its user; it queues at its old place once it is resumed",
        ], leases.Select(lease => lease.Reason));
        Assert.Equal([0, 1, 2, 0, 3, 0], leases.Select(lease => lease.Position));
    }

    [Fact]
    public void Who_waits_is_not_told_the_names_of_another_namespaces_jobs()
    {
        QueuedJob[] jobs = [new("lab/a", 2) { IsStarted = true, Device = "cpu x", Leased = [new("s", 0), new("s", 1)] }, new("b", 3), new("team/c", 4), new("team/d", 4)];
        var reasons = JobQueue.Decide(jobs, [new("s", 4, "cpu x")]).Select(lease => lease.Reason).ToList();
        Assert.Equal("waits for 4 workers of one kind; 2 are free; a job of another namespace has 2: it starts when 2 more come free, or when it is scaled to 2; ahead of it wait a job of another namespace for 3, team/c for 4", reasons[3]);
        Assert.DoesNotContain("lab", reasons[1] + reasons[2] + reasons[3], StringComparison.Ordinal);
    }

    [Fact]
    public void A_worker_that_was_not_let_go_of_is_nobody_elses()
    {
        QueuedJob[] jobs = [new("paused", 1) { IsWanted = false, Held = [new("s", 0)] }, new("next", 1), new("own", 1) { Held = [new("s", 1)] }];
        var leases = JobQueue.Decide(jobs, [new("s", 2, "cpu x")]);
        Assert.Empty(leases[1].Workers);
        Assert.Equal([new("s", 1)], leases[2].Workers);
    }

    [Fact]
    public void A_job_ends_up_on_few_silos()
    {
        QueueSilo[] silos = [new("a", 2, "cpu x"), new("b", 4, "cpu x"), new("c", 3, "cpu x")];
        Assert.Equal(["c"], JobQueue.Decide([new("j", 3)], silos)[0].Workers.Select(worker => worker.Silo).Distinct());
        Assert.Equal(["a", "b"], JobQueue.Decide([new("j", 6)], silos)[0].Workers.Select(worker => worker.Silo).Distinct());
        Assert.Equal(["b"], JobQueue.Decide([new("j", 3) { IsStarted = true, Device = "cpu x", Leased = [new("a", 0), new("b", 0), new("b", 1), new("b", 2)] }], silos)[0].Workers.Select(worker => worker.Silo).Distinct());
    }
}
