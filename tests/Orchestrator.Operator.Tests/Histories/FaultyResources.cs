using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Operator.Resources;
using Orchestrator.Operator.Tests.Emulated;

namespace Orchestrator.Operator.Tests.Histories;

/// <summary>An API server in the same process that is as bad as a history says: away, throttling, failing before or after it has written, forgetting, and passing changes over in silence.</summary>
sealed class FaultyResources(ResourceStore store, Random random, VirtualTime time) : IClusterResources, IDisposable
{
    readonly HashSet<string> told = [];
    CancellationTokenSource up = new();

    /// <summary>How many calls in a hundred fail.</summary>
    public int FailuresPercent { get; set; }

    /// <summary>How many changes in a hundred a watch does not tell.</summary>
    public int MissedPercent { get; set; }

    /// <summary>Whether it is there.</summary>
    public bool IsUp { get; private set; } = true;

    /// <summary>Everything it was told about jobs.</summary>
    public List<Notice> Notices { get; } = [];

    /// <summary>Writes that were told twice, and are to be once.</summary>
    public int Repeats { get; private set; }

    /// <summary>It goes: all watches end.</summary>
    public void Down()
    {
        IsUp = false;
        DropWatches();
    }

    /// <summary>It comes back.</summary>
    public void Up() => IsUp = true;

    /// <summary>All watches end.</summary>
    public void DropWatches()
    {
        var (before, next) = (up, new CancellationTokenSource());
        up = next;
        before.Cancel();
        before.Dispose();
    }

    public async Task<(IReadOnlyList<TrainingJob> Jobs, string Version)> List(string? space, CancellationToken stop)
    {
        await Reach(stop);
        var (resources, version) = store.List(Definitions.Jobs, space);
        return ([.. resources.Select(Read)], $"{version}");
    }

    public async IAsyncEnumerable<ResourceChange> Watch(string? space, string version, [EnumeratorCancellation] CancellationToken stop)
    {
        await Reach(stop);
        var ends = up.Token;
        var at = long.Parse(version);
        while (true)
        {
            var (changes, more) = Answer(() => store.After(at, Definitions.Jobs, space));
            foreach (var change in changes)
            {
                at = change.Version;
                if (random.Next(100) >= MissedPercent)
                    yield return new ResourceChange(Read(change.Resource), change.Type == "DELETED", $"{at}");
            }
            if (changes.Count == 0 && random.Next(4) == 0)
                yield return new ResourceChange(null, IsGone: false, $"{at = store.Version}");      // a bookmark
            using var either = CancellationTokenSource.CreateLinkedTokenSource(ends, stop);
            var came = await time.Within(TimeSpan.FromMinutes(4), more, either.Token);
            stop.ThrowIfCancellationRequested();
            if (ends.IsCancellationRequested)
                throw new IOException("the connection was closed");
            if (!came)
                yield break;
        }
    }

    public Task<TrainingJob> Patch(ResourceMetadata job, JsonObject patch, CancellationToken stop) => Written(() => store.Patch(Definitions.Jobs, job.Namespace, job.Name, patch, ofStatus: false), stop);

    public Task<TrainingJob> PatchStatus(ResourceMetadata job, JsonObject patch, CancellationToken stop) => Written(() => store.Patch(Definitions.Jobs, job.Namespace, job.Name, patch, ofStatus: true), stop);

    public async Task Tell(TrainingJob job, Notice notice, CancellationToken stop)
    {
        await Reach(stop);
        if (told.Add(notice.Name))
            Notices.Add(notice);
        else
            Repeats++;
        Lose();
    }

    public Task<int> Pods(string space, string set, CancellationToken stop) => throw new NotSupportedException();

    public Task SetPods(string space, string set, int pods, CancellationToken stop) => throw new NotSupportedException();

    async Task<TrainingJob> Written(Func<JsonObject> write, CancellationToken stop)
    {
        await Reach(stop);
        var made = Answer(write);
        Lose();
        return Read(made);
    }

    // A call takes a moment, in which others do something.
    async Task Reach(CancellationToken stop)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, 30)), time, stop);
        if (!IsUp)
            throw new HttpRequestException("connection refused");
        if (random.Next(100) < FailuresPercent)
            throw random.Next(3) switch
            {
                0 => new RefusedException(429, "too many requests", TimeSpan.FromSeconds(random.Next(1, 3))),
                1 => new RefusedException(500, "etcdserver: request timed out"),
                _ => new IOException("connection reset by peer"),
            };
    }

    // It was done, and nobody hears of it.
    void Lose()
    {
        if (random.Next(100) < FailuresPercent)
            throw new IOException("connection reset by peer, after the fact");
    }

    static T Answer<T>(Func<T> ask)
    {
        try
        {
            return ask();
        }
        catch (StatusException no)
        {
            throw new RefusedException(no.Code, no.Message);
        }
    }

    static TrainingJob Read(JsonObject resource) => TrainingJob.Of(JsonSerializer.SerializeToElement(resource));

    public void Dispose() => up.Dispose();
}
