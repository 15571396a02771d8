using Microsoft.Extensions.Logging;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Operator.Resources;
using Orchestrator.Protocol;

namespace Orchestrator.Operator.Pods;

/// <summary>The pods that were told to drain, as it is stored: a cordon of somebody else is not lifted.</summary>
public sealed record DrainingPods
{
    /// <summary>Their numbers.</summary>
    public IReadOnlyList<int> Pods { get; init; } = [];
}

/// <summary>Carries what <see cref="PodScaling"/> decides.</summary>
/// <param name="server">the API server</param>
/// <param name="queue">knows jobs and servers</param>
/// <param name="space">the StatefulSet's namespace</param>
/// <param name="range">its pods</param>
/// <param name="store">writes down which pods were told to drain</param>
/// <param name="clock">measures how long there are too many</param>
/// <param name="log">tells of changes</param>
sealed partial class PodController(IClusterResources server, ISchedulerGrain queue, string space, PodRange range, Func<DrainingPods, Task> store, TimeProvider clock, ILogger log)
{
    const string Pods = "pods";

    readonly Backoff backoff = new(clock);
    DateTimeOffset? since;

    /// <summary>Looks once.</summary>
    /// <param name="draining">what was stored last</param>
    /// <param name="stop">gives it up</param>
    /// <returns>what is stored now</returns>
    public async Task<DrainingPods> Pass(DrainingPods draining, CancellationToken stop)
    {
        if (!backoff.IsDue(Pods))
            return draining;
        try
        {
            var (jobs, servers, pods) = (await queue.Jobs(), await queue.Silos(), await server.Pods(space, range.Set, stop));
            var decision = PodScaling.Decide(range, jobs, servers, pods, draining.Pods.ToHashSet(), since, clock.GetUtcNow());
            since = decision.Since;
            if (decision.Drain.Count > 0)
            {
                LogDrains(range.Set, decision.Drain.Count, decision.Reason);
                await store(draining = new DrainingPods { Pods = [.. draining.Pods.Union(decision.Drain).Order()] });
                foreach (var pod in decision.Drain)
                    await Cordon(pod, cordoned: true);
            }
            if (decision.Use.Count > 0)
            {
                foreach (var pod in decision.Use)
                    await Cordon(pod, cordoned: false);
                await store(draining = new DrainingPods { Pods = [.. draining.Pods.Except(decision.Use)] });
            }
            if (decision.Pods is { } wanted)
            {
                LogScales(range.Set, pods, wanted, decision.Reason);
                await server.SetPods(space, range.Set, wanted, stop);
            }
            backoff.Succeeded(Pods);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception e)      // the next look begins from what is there
        {
            var pause = backoff.Failed(Pods, (e as RefusedException)?.Again);
            LogFailed(range.Set, pause, e.Message);
        }
        return draining;
    }

    async Task Cordon(int pod, bool cordoned)
    {
        try
        {
            await queue.Cordon(range.ServerOf(pod), cordoned, drained: cordoned);
        }
        catch (ProblemException)      // there is no such server: it has not come up, or is gone
        {
        }
    }

    [LoggerMessage(EventName = "PodsScaled", Level = LogLevel.Information, Message = "{Set}: {Before} to {After} pods: {Reason}")]
    partial void LogScales(string set, int before, int after, string reason);

    [LoggerMessage(EventName = "PodsDrained", Level = LogLevel.Information, Message = "{Set}: {Count} pods drain: {Reason}")]
    partial void LogDrains(string set, int count, string reason);

    [LoggerMessage(EventName = "PodsFailed", Level = LogLevel.Warning, Message = "{Set}: tried again in {Pause}: {Reason}")]
    partial void LogFailed(string set, TimeSpan pause, string reason);
}
