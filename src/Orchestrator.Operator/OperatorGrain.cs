using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Operator.Pods;
using Orchestrator.Operator.Reconciling;
using Orchestrator.Operator.Resources;
using Orleans.Placement;

namespace Orchestrator.Operator;

/// <inheritdoc cref="IOperatorGrain"/>
/// <remarks>
/// Placed where it is called from: on a server that may talk to the API server. A server that was cut off may still reconcile beside its successor for a while; that every write names the version it
/// was decided of, and every deed may be repeated, is what makes this harmless.
/// </remarks>
[KeepAlive, PreferLocalPlacement]
sealed partial class OperatorGrain(
    [PersistentState("operator", "jobs")] IPersistentState<DrainingPods> draining,
    IServiceProvider services,
    TimeProvider clock,
    ILogger<OperatorGrain> log) : Grain, IOperatorGrain, IDisposable
{
    static readonly TimeSpan every = TimeSpan.FromSeconds(1);

    readonly CancellationTokenSource stopping = new();
    readonly SemaphoreSlim wake = new(0);
    readonly Dictionary<string, string> troubles = new(StringComparer.Ordinal);
    Task? loop;

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (services.GetService<OperatorConnection>() is { } connection)
            loop = Run(connection);
        else
            DeactivateOnIdle();      // this server is none that may be it
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<string> Look() => Task.FromResult(loop is null ? "this server is not to be the operator" : string.Join("; ", troubles.Values.Distinct()));

    // On the activation's scheduler but no request: it blocks neither calls nor deactivation.
    async Task Run(OperatorConnection connection)
    {
        await Task.Yield();
        using var server = connection.Open();
        var queue = GrainFactory.GetGrain<ISchedulerGrain>(0);
        var mirrors = (connection.Options.Spaces ?? [null!]).Select(space => Mirror(server.Resources, space)).ToList();
        var jobs = new ClusterJobs(queue, key => GrainFactory.GetGrain<IJobGrain>(key).Snapshot(), connection.Intake);
        var controller = new JobController(server.Resources, jobs, mirrors, connection.Options.Selector, clock, log);
        var pods = connection.Options.Workers is { } set ? Pods(server.Resources, queue, set, connection.Options) : null;
        var following = Task.WhenAll(mirrors.Select(mirror => mirror.Run(stopping.Token)));
        LogBegan(connection.Options.Namespaces);
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await controller.Pass(stopping.Token);
                if (pods is not null)
                    await pods.Pass(draining.State, stopping.Token);
                Trouble("queue", null);
                await wake.WaitAsync(every, stopping.Token);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
            }
            catch (Exception e)      // the queue does not answer: its server may be dying
            {
                Trouble("queue", e.Message);
                await Task.Delay(every, clock, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        await following;
    }

    ResourceMirror Mirror(IClusterResources server, string? space) => new(server, space, clock, Wake, trouble => Trouble(space ?? "*", trouble));

    PodController Pods(IClusterResources server, ISchedulerGrain queue, string set, OperatorOptions options)
    {
        var named = set.Split('/');
        var range = new PodRange(named[1], options.WorkersPerPod, options.PodsMin, Math.Max(options.PodsMin, options.PodsMax), TimeSpan.FromSeconds(options.IdleSeconds));
        return new PodController(server, queue, named[0], range, Store, clock, log);
    }

    Task Store(DrainingPods next)
    {
        draining.State = next;
        return draining.WriteStateAsync(stopping.Token);
    }

    void Wake()
    {
        if (wake.CurrentCount == 0)
            wake.Release();
    }

    void Trouble(string where, string? reason)
    {
        if (troubles.GetValueOrDefault(where) == reason)
            return;
        if (reason is null)
        {
            troubles.Remove(where);
            LogHeard(where);
            return;
        }
        troubles[where] = reason;
        LogTroubled(where, reason);
    }

    /// <inheritdoc/>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        if (loop is { IsCompleted: false })
            await Task.WhenAny(loop, Task.Delay(every, CancellationToken.None));      // what is in hand is finished, or will be done by the next
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        stopping.Dispose();
        wake.Dispose();
    }

    [LoggerMessage(EventName = "OperatorBegan", Level = LogLevel.Information, Message = "the operator works here, for the TrainingJobs of {Namespaces}")]
    partial void LogBegan(string namespaces);

    [LoggerMessage(EventName = "OperatorTroubled", Level = LogLevel.Warning, Message = "the operator does not get on with {Where}, and tries again: {Reason}")]
    partial void LogTroubled(string where, string reason);

    [LoggerMessage(EventName = "OperatorHeard", Level = LogLevel.Information, Message = "the operator gets on with {Where} again")]
    partial void LogHeard(string where);
}
