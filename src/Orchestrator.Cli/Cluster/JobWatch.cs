using Orchestrator.Api.V1;

namespace Orchestrator.Cli.Cluster;

/// <summary>Follows a job to its end, whichever servers die on the way.</summary>
static class JobWatch
{
    /// <summary>Shows what happens to it after an event.</summary>
    /// <returns>the phase that it ended in</returns>
    public static async Task<Phase> Follow(Connection cluster, string name, long after, Output output, CancellationToken stop)
    {
        var job = await cluster.Ask((way, options) => new Jobs.JobsClient(way).GetAsync(cluster.Job(name), options), stop);
        using (var view = new WatchView(name, output, TimeProvider.System))
        {
            view.Show(job);
            await foreach (var what in Events(cluster, name, after, view.Away, stop))
                view.Show(what);
        }
        return (await cluster.Ask((way, options) => new Jobs.JobsClient(way).GetAsync(cluster.Job(name), options), stop)).Phase;
    }

    /// <summary>The events after one, each once and in order.</summary>
    public static IAsyncEnumerable<Event> Events(Connection cluster, string name, long after, Action<string> away, CancellationToken stop)
        => cluster.Follow(
            (way, place, options) => new Jobs.JobsClient(way).Watch(new WatchRequest { Namespace = cluster.Space, Name = name, After = place }, options),
            after,
            (what, place) => what.Number == place + 1 ? what.Number : throw new NoAnswerException($"event {what.Number} came after {place}: the server lost one"),
            away,
            stop);
}
