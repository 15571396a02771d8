namespace Orchestrator.Operator.Resources;

/// <summary>
/// The jobs of a namespace, as a list and a watch after it keep them. Whatever breaks it (an API server that goes, a watch that ends, a version that is too old) it goes on from where it was, or
/// lists again; and it lists every <see cref="listEvery"/> in any case, so that a change nobody told is not missed for ever.
/// </summary>
/// <param name="server">the API server</param>
/// <param name="space">the namespace; null is all of them</param>
/// <param name="clock">measures pauses</param>
/// <param name="changed">called when something did</param>
/// <param name="troubled">told why it does not hear the server; null once it does again</param>
sealed class ResourceMirror(IClusterResources server, string? space, TimeProvider clock, Action changed, Action<string?> troubled)
{
    static readonly TimeSpan listEvery = TimeSpan.FromMinutes(5);
    static readonly TimeSpan watchPause = TimeSpan.FromMilliseconds(100);      // between two watches of a server that ends them at once

    readonly Dictionary<string, TrainingJob> jobs = new(StringComparer.Ordinal);
    readonly Backoff backoff = new(clock);
    string? version;
    DateTimeOffset listed;

    /// <summary>Whether it has seen all of them once.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>The jobs, by namespace and name.</summary>
    public IReadOnlyList<TrainingJob> Jobs => [.. jobs.Values];

    /// <summary>Keeps it up to date.</summary>
    public async Task Run(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await Follow(stop);
                await Task.Delay(watchPause, clock, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
            }
            catch (RefusedException old) when (old.IsGone)
            {
                version = null;
            }
            catch (Exception e)      // whatever it is, it is asked again
            {
                troubled(e.Message);
                var pause = backoff.Failed("", (e as RefusedException)?.Again);
                await Task.Delay(pause, clock, stop).ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    async Task Follow(CancellationToken stop)
    {
        if (version is null || clock.GetUtcNow() - listed >= listEvery)
        {
            var (all, at) = await server.List(space, stop);
            jobs.Clear();
            foreach (var job in all)
                jobs[job.Key] = job;
            (version, listed, IsComplete) = (at, clock.GetUtcNow(), true);
            Heard();
            changed();
        }
        await foreach (var change in server.Watch(space, version, stop))
        {
            Heard();
            version = change.Version;
            if (change.Job is not { } job)
                continue;
            if (change.IsGone)
                jobs.Remove(job.Key);
            else
                jobs[job.Key] = job;
            changed();
        }
    }

    void Heard()
    {
        backoff.Succeeded("");
        troubled(null);
    }

    /// <summary>Takes what a write has answered, so that the next decision is not made of what was before it.</summary>
    public void Take(TrainingJob written)
    {
        if (jobs.TryGetValue(written.Key, out var known) && known.Metadata.Uid == written.Metadata.Uid)
            jobs[written.Key] = written;
    }

    /// <summary>Forgets a job that the server says is no more.</summary>
    public void Drop(TrainingJob gone)
    {
        if (jobs.TryGetValue(gone.Key, out var known) && known.Metadata.Uid == gone.Metadata.Uid)
            jobs.Remove(gone.Key);
    }
}
