using System.Reflection;
using Orchestrator.Engine;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Ledger;

namespace Orchestrator.Server.Tests.Api;

/// <summary>What lies below the API: a queue and jobs without silos and workers, whose events a test tells.</summary>
sealed class FakeCluster
{
    readonly Lock gate = new();
    readonly List<FakeJob> jobs = [];

    public FakeCluster() => Grains = FakeGrains.Of(this);

    /// <summary>The way to the grains.</summary>
    public IGrainFactory Grains { get; }

    /// <summary>Thrown by every grain while it is set.</summary>
    public Exception? Fault { get; set; }

    /// <summary>The silos that there are.</summary>
    public List<SiloEntry> Silos { get; } = [];

    public FakeJob Job(string key) => Find(key) ?? throw new InvalidOperationException($"no job {key}");

    FakeJob? Find(string key)
    {
        lock (gate)
            return jobs.Find(job => job.Entry.Key == key);
    }

    Task Call(MethodInfo method, object?[] arguments)
    {
        if (Fault is { } fault)
            throw fault;
        lock (gate)
        {
            return method.Name switch
            {
                nameof(ISchedulerGrain.Submit) => Task.FromResult(Submit((string)arguments[0]!, (JobSpec)arguments[1]!)),
                nameof(ISchedulerGrain.Jobs) => Task.FromResult<IReadOnlyList<JobEntry>>([.. jobs.Select(job => job.Entry)]),
                nameof(ISchedulerGrain.Find) => Task.FromResult(Find((string)arguments[0]!)?.Entry),
                nameof(ISchedulerGrain.Scale) => Task.FromResult(Change((string)arguments[0]!, entry => entry with { WorkersWanted = (int)arguments[1]! })),
                nameof(ISchedulerGrain.Suspend) => Task.FromResult(Change((string)arguments[0]!, entry => entry with { Stage = JobStage.Suspended })),
                nameof(ISchedulerGrain.Resume) => Task.FromResult(Change((string)arguments[0]!, entry => entry with { Stage = JobStage.Queued })),
                nameof(ISchedulerGrain.Cancel) => Task.FromResult(Cancel((string)arguments[0]!)),
                nameof(ISchedulerGrain.Delete) => Delete((string)arguments[0]!),
                nameof(ISchedulerGrain.Silos) => Task.FromResult<IReadOnlyList<SiloEntry>>(Silos),
                nameof(ISchedulerGrain.Cordon) => Task.FromResult(Cordon((string)arguments[0]!, (bool)arguments[1]!, (bool)arguments[2]!)),
                _ => throw new NotSupportedException(method.Name),
            };
        }
    }

    JobEntry Submit(string space, JobSpec spec)
    {
        var digest = CanonicalJson.Digest(spec);
        if (Find(JobEntry.KeyOf(space, spec.Name)) is { } known)
            return known.Entry.SpecDigest == digest ? known.Entry : throw new ProblemException($"job {spec.Name}", "another spec under this name", "the same spec", "give it another name");
        var job = new FakeJob(new JobEntry(space, spec, digest, spec.Workers, null, "waits for workers", 1, [], DateTimeOffset.UnixEpoch, null, null));
        jobs.Add(job);
        return job.Entry;
    }

    JobEntry Change(string key, Func<JobEntry, JobEntry> change)
    {
        var job = Job(key);
        return job.Entry.Stage is JobStage.Completed or JobStage.Failed or JobStage.Cancelled
            ? throw new ProblemException($"job {key}", $"a job that is {job.Entry.Stage}", "one that is not over")
            : job.Entry = change(job.Entry);
    }

    JobEntry Cancel(string key) => Job(key) is var job && job.Entry.Ended is null ? job.Entry = job.Entry with { Stage = JobStage.Cancelled, Ended = DateTimeOffset.UnixEpoch } : job.Entry;

    Task Delete(string key)
    {
        if (Find(key) is { Entry.Ended: null })
            throw new ProblemException($"job {key}", "a job that is not over", "one that is", "cancel it first");
        jobs.RemoveAll(job => job.Entry.Key == key);
        return Task.CompletedTask;
    }

    SiloEntry Cordon(string silo, bool cordoned, bool drained)
    {
        var at = Silos.FindIndex(entry => entry.Announcement.Silo == silo);
        return at < 0 ? throw new ProblemException($"server {silo}", "nothing", "a server that lives") : Silos[at] = Silos[at] with { Cordoned = cordoned, Drained = drained };
    }

#pragma warning disable CA1852 // DispatchProxy derives from them at run time
    /// <summary>Every grain of the factory leads here, or to a job.</summary>
    public class FakeGrains : DispatchProxy
    {
        FakeCluster? cluster;

        internal static IGrainFactory Of(FakeCluster cluster)
        {
            var grains = Create<IGrainFactory, FakeGrains>();
            ((FakeGrains)(object)grains).cluster = cluster;
            return grains;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            var kind = targetMethod!.GetGenericArguments()[0];
            return kind == typeof(ISchedulerGrain) ? FakeGrain.Of<ISchedulerGrain>(cluster!.Call)
                : kind == typeof(IJobGrain) ? FakeGrain.Of<IJobGrain>((method, arguments) => cluster!.Fault is { } fault ? throw fault : cluster.Job((string)args![0]!).Call(method, arguments))
                : throw new NotSupportedException(kind.Name);
        }
    }

    /// <summary>A grain whose every call is one function's.</summary>
    public class FakeGrain : DispatchProxy
    {
        Func<MethodInfo, object?[], object?>? call;

        internal static T Of<T>(Func<MethodInfo, object?[], object?> call) where T : class
        {
            var grain = Create<T, FakeGrain>();
            ((FakeGrain)(object)grain).call = call;
            return grain;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => call!(targetMethod!, args ?? []);
    }
#pragma warning restore CA1852
}

/// <summary>A job whose events a test tells.</summary>
sealed class FakeJob(JobEntry entry)
{
    const int AnsweredMax = 1000;

    readonly List<JobNews> news = [];
    int faults;
    int told;

    /// <summary>As the queue knows it.</summary>
    public JobEntry Entry { get; set; } = entry;

    /// <summary>The highest number that anybody was told.</summary>
    public int Told => Volatile.Read(ref told);

    /// <summary>So many questions are answered as if the silo had just died.</summary>
    public void Stumbles(int times) => Volatile.Write(ref faults, times);

    /// <summary>It has workers and computes steps.</summary>
    public void Steps(int count)
    {
        lock (news)
        {
            Entry = Entry with { Stage = JobStage.Running, Reason = "runs", Started = DateTimeOffset.UnixEpoch };
            for (var i = 0; i < count; i++)
            {
                var step = news.Count(one => one.Step is not null) + 1;
                var line = new LedgerLine { Step = step, Epoch = 0, Samples = [], Loss = 1.0 / step, LearningRate = 0.01, GradientNorm = 1, Tokens = 100, Supervised = 50, Parameters = new string('a', 64) };
                news.Add(new JobNews(news.Count + 1, Step: new StepReport(new WorkerId("a", 0), new Generation(1), line, 0.1, 0, 0.1)) { At = DateTimeOffset.UnixEpoch, Steps = 1000, Workers = 2 });
            }
        }
    }

    /// <summary>It ends.</summary>
    public void Ends(JobStage stage = JobStage.Completed)
    {
        lock (news)
        {
            news.Add(new JobNews(news.Count + 1, Decision: new JobDecisionNews(Enum.Parse<JobPhase>(stage.ToString()), new Generation(1), "all steps are done", 0) { Stage = stage }) { At = DateTimeOffset.UnixEpoch });
            Entry = Entry with { Stage = stage, Reason = "all steps are done", Ended = DateTimeOffset.UnixEpoch };
        }
    }

    internal object? Call(MethodInfo method, object?[] arguments)
    {
        if (Interlocked.Decrement(ref faults) >= 0)
            throw new SiloUnavailableException("it has just died");
        lock (news)
        {
            return method.Name switch
            {
                nameof(IJobGrain.Snapshot) => Task.FromResult(new JobSnapshot(JobPhase.Running, Entry.Reason, new Step(news.Count(one => one.Step is not null)), new Step(1000), new Generation(1),
                    [new WorkerId("a", 0), new WorkerId("a", 1)], Step.Start, Step.Start, null)
                { Stage = Entry.Stage, Kind = "cpu test", Loss = 0.5, AdapterSha256 = Entry.Stage == JobStage.Completed ? new string('d', 64) : "" }),
                nameof(IJobGrain.News) => Task.FromResult<IReadOnlyList<JobNews>>(After((long)arguments[0]!)),
                nameof(IJobGrain.Logs) => Task.FromResult<IReadOnlyList<JobLogLine>>([.. After((long)arguments[0]!).Select(one => new JobLogLine(one.Number, one.At, $"event {one.Number}"))]),
                _ => throw new NotSupportedException(method.Name),
            };
        }
    }

    List<JobNews> After(long number)
    {
        List<JobNews> answer = [.. news.Skip((int)Math.Min(number, int.MaxValue)).Take(AnsweredMax)];
        if (answer.Count > 0)
            Volatile.Write(ref told, Math.Max(told, (int)answer[^1].Number));
        return answer;
    }
}
