using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Operator.Reconciling;
using Orchestrator.Operator.Resources;
using Orchestrator.Operator.Tests.Emulated;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Operator.Tests.Histories;

/// <summary>
/// A minute in which people create, scale, suspend and delete jobs both ways, and in which API server, queue and operator fail, forget and start again; then peace, and what is left is looked at.
/// </summary>
sealed class History : IDisposable
{
    const string Space = "team";
    static readonly string[] names = ["one", "two", "three"];
    static readonly TimeSpan trouble = TimeSpan.FromMinutes(1);
    static readonly TimeSpan peace = TimeSpan.FromMinutes(14);      // a change that no watch told is seen when all are listed again

    readonly VirtualTime time = new();
    readonly Random random;
    readonly ResourceStore store = new();
    readonly FaultyResources server;
    readonly PretendQueue queue;
    readonly List<string> told = [];
    readonly List<string> wrong = [];
    readonly Dictionary<string, int> created = [];
    readonly HashSet<string> foreign = [];
    CancellationTokenSource operating = new();
    Task operation = Task.CompletedTask;

    public History(int seed)
    {
        random = new Random(seed);
        server = new FaultyResources(store, random, time) { FailuresPercent = random.Next(0, 25), MissedPercent = random.Next(0, 3) == 0 ? 20 : 0 };
        queue = new PretendQueue(random, time) { FailuresPercent = random.Next(0, 15) };
    }

    /// <summary>What happened, as far as somebody did it.</summary>
    public IReadOnlyList<string> Told => told;

    /// <summary>What is not as it should be.</summary>
    public IReadOnlyList<string> Wrong => wrong;

    public void Run() => time.Run(Story);

    async Task Story()
    {
        Begin();
        var world = World();
        var end = time.GetUtcNow() + trouble;
        while (time.GetUtcNow() < end)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(20, 4000)), time);
            await Happen();
        }
        Calm();
        end = time.GetUtcNow() + peace;
        while (time.GetUtcNow() < end && Complaints().Count > 0)
            await Task.Delay(TimeSpan.FromSeconds(5), time);
        wrong.AddRange(Complaints());
        await Halt();
        ends = true;
        await world;
    }

    bool ends;

    async Task World()
    {
        while (!ends)
        {
            queue.Passes();
            await Task.Delay(TimeSpan.FromSeconds(1), time);
        }
    }

    // An operator that begins knows nothing.
    void Begin()
    {
        operating = new CancellationTokenSource();
        var stop = operating.Token;
        var woken = new TaskCompletionSource();
        var mirror = new ResourceMirror(server, Space, time, () => woken.TrySetResult(), _ => { });
        var jobs = new ClusterJobs(queue, queue.Snapshot, text => Intake(text));
        var controller = new JobController(server, jobs, [mirror], "app=workers", time, NullLogger.Instance);
        operation = Task.WhenAll(mirror.Run(stop), Passes());

        async Task Passes()
        {
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    woken = new TaskCompletionSource();
                    await controller.Pass(stop);
                }
                catch (Exception)      // the queue did not answer, or the operator is told to stop
                {
                }
                await time.Within(TimeSpan.FromSeconds(2), woken.Task, stop);
            }
        }
    }

    // On this thread, as everything: an asynchronous cancellation would be on another.
    Task Halt()
    {
        operating.Cancel();
        return operation;
    }

    static JobSpec Intake(string text)
    {
        var spec = CanonicalJson.Read(System.Text.Encoding.UTF8.GetBytes(text));
        SpecRules.Demand(spec);
        return spec.Data.Path.Contains("missing", StringComparison.Ordinal) ? throw new ProblemException("data.path", "nothing", "records") : spec;
    }

    async Task Happen()
    {
        var name = names[random.Next(names.Length)];
        switch (random.Next(18))
        {
            case 0 or 1 or 2:
                Try($"create {name}", () => Create(name));
                break;
            case 3 or 4:
                var workers = random.Next(1, 9);
                Try($"kubectl scale {name} {workers}", () => store.Patch(Definitions.Jobs, Space, name, new JsonObject { ["spec"] = new JsonObject { ["workers"] = workers } }, ofStatus: false));
                break;
            case 5:
                var rests = random.Next(2) == 0;
                Try($"kubectl suspend {name} {rests}", () => store.Patch(Definitions.Jobs, Space, name, new JsonObject { ["spec"] = new JsonObject { ["suspend"] = rests } }, ofStatus: false));
                break;
            case 6 or 7:
                Try($"kubectl delete {name}", () => store.Delete(Definitions.Jobs, Space, name));
                break;
            case 8:
                Try($"label {name}", () => store.Patch(Definitions.Jobs, Space, name, new JsonObject { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["n"] = $"{random.Next()}" } } }, ofStatus: false));
                break;
            case 9:
                var other = random.Next(1, 9);
                await Ask($"scale {name} {other}", () => queue.Scale($"{Space}/{name}", other));
                break;
            case 10:
                await Ask($"suspend {name}", () => queue.Suspend($"{Space}/{name}"));
                break;
            case 11:
                await Ask($"cancel {name}", () => queue.Cancel($"{Space}/{name}"));
                break;
            case 12:
                await Ask($"submit {name}", () => Foreign(name));
                break;
            case 13:
                Tell("the API server goes", server.Down);
                await Task.Delay(TimeSpan.FromSeconds(random.Next(1, 8)), time);
                Tell("the API server comes back", server.Up);
                break;
            case 14:
                Tell("old versions are forgotten", store.Forget);
                break;
            case 15:
                Tell("watches are closed", server.DropWatches);
                break;
            case 16:
                told.Add("the operator starts again");
                await Halt();
                Begin();
                break;
            default:
                Tell("both", () => { store.Forget(); server.DropWatches(); });
                break;
        }
    }

    void Create(string name)
    {
        store.Create(Definitions.Jobs, Space, new JsonObject
        {
            ["apiVersion"] = "orchestrator.dev/v1alpha1", ["kind"] = "TrainingJob", ["metadata"] = new JsonObject { ["name"] = name },
            ["spec"] = new JsonObject
            {
                ["model"] = new JsonObject { ["path"] = "/models/tiny" }, ["data"] = new JsonObject { ["path"] = random.Next(8) == 0 ? "/data/missing.json" : "/data/records.json" }, ["workers"] = random.Next(1, 5),
                ["training"] = new JsonObject { ["seed"] = random.Next(2) },
            },
        });
        created[name] = created.GetValueOrDefault(name) + 1;
    }

    async Task<JobEntry> Foreign(string name)
    {
        foreign.Add(name);
        return await queue.Submit(Space, new JobSpec { Name = name, Model = new() { Path = "/models/tiny" }, Data = new() { Path = "/data/records.json" }, Training = new() { Seed = random.Next(2) } });
    }

    void Tell(string what, Action act)
    {
        told.Add($"{time.GetUtcNow():mm:ss.fff} {what}");
        act();
    }

    void Try(string what, Action act)
    {
        try
        {
            Tell(what, act);
        }
        catch (StatusException no)
        {
            told.Add($"  {no.Code}");
        }
    }

    async Task Ask(string what, Func<Task> act)
    {
        try
        {
            told.Add($"{time.GetUtcNow():mm:ss.fff} {what}");
            await act();
        }
        catch (Exception no) when (no is ProblemException or Grains.UnavailableException)
        {
            told.Add($"  {no.GetType().Name}");
        }
    }

    void Calm()
    {
        server.Up();
        (server.FailuresPercent, server.MissedPercent, queue.FailuresPercent) = (0, 0, 0);
    }

    List<string> Complaints()
    {
        List<string> found = [];
        var jobs = queue.Now;
        var resources = store.List(Definitions.Jobs, Space).Resources.Select(resource => TrainingJob.Of(System.Text.Json.JsonSerializer.SerializeToElement(resource))).ToDictionary(resource => resource.Metadata.Name);
        foreach (var resource in resources.Values)
            found.AddRange(Of(resource, jobs.GetValueOrDefault($"{Space}/{resource.Metadata.Name}")).Select(what => $"{resource.Metadata.Name}: {what}"));
        foreach (var job in jobs.Values.Where(job => !resources.ContainsKey(job.Spec.Name) && !foreign.Contains(job.Spec.Name) && job.Stage != JobStage.Completed))
            found.Add($"{job.Spec.Name}: {job.Stage} without a resource");
        foreach (var (key, begun) in queue.Begun.Where(pair => !foreign.Contains(pair.Key.Split('/')[1]) && pair.Value > created.GetValueOrDefault(pair.Key.Split('/')[1])))
            found.Add($"{key}: begun {begun} times");
        return found;
    }

    static IEnumerable<string> Of(TrainingJob resource, JobEntry? job)
    {
        if (resource.IsDeleted)
            yield return "deleted, and still there";
        if (resource.Status is not { } status)
        {
            yield return "nothing is said of it";
            yield break;
        }
        if (status.ObservedGeneration != resource.Metadata.Generation)
            yield return $"generation {resource.Metadata.Generation}, of which {status.ObservedGeneration} was seen";
        if (status[Statuses.Accepted] is { Holds: false })
            yield break;      // refused, and it says why
        if (job is null)
        {
            if (status.Phase is not (nameof(JobStage.Completed) or nameof(JobStage.Failed) or nameof(JobStage.Cancelled)))
                yield return $"{status.Phase} without a job";
            yield break;
        }
        if (job.Stage.ToString() != status.Phase)
            yield return $"says {status.Phase}, is {job.Stage}";
        if (job.Stage == JobStage.Completed && status.Digest != job.SpecDigest)
            yield return $"says digest {status.Digest}";
        if (job.Stage is JobStage.Completed or JobStage.Failed or JobStage.Cancelled)
            yield break;
        if (job.WorkersWanted != resource.Workers || status.WorkersWanted != resource.Workers)
            yield return $"{resource.Workers} workers, the job has {job.WorkersWanted}, the status {status.WorkersWanted}";
        if ((job.Wish == JobWish.Pause) != resource.Suspend)
            yield return $"suspend {resource.Suspend}, the job wants to {job.Wish}";
        if (job.Stage == JobStage.Running)
            yield return "still runs";      // until it is over, or somebody has it rest
    }

    public void Dispose()
    {
        server.Dispose();
        operating.Dispose();
    }
}
