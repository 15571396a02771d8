using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Grains.Scheduling;

namespace Orchestrator.Server;

/// <summary>Tells the scheduler, once a second from the moment the ports are open, that this server lives and what it has. Jobs that were submitted to a cluster without a scheduler start it so.</summary>
sealed partial class Announcing(IGrainFactory grains, ServerOptions options, ServerAddresses addresses, LocalWorkers workers, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<Announcing> log)
    : BackgroundService
{
    static readonly TimeSpan interval = TimeSpan.FromSeconds(1);
    static readonly TimeSpan answerWithin = TimeSpan.FromSeconds(3);
    static readonly TimeSpan goodbyeWithin = TimeSpan.FromSeconds(1);      // a scheduler that does not hear it misses the server soon enough

    readonly long incarnation = clock.GetUtcNow().UtcTicks;
    volatile bool isLeaving;
    string? complaint;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Started(stoppingToken);
        LogServing(options.Name, addresses.Host, addresses.Http, addresses.Api, addresses.Exchange, workers.Slots, workers.Device);
        using var timer = new PeriodicTimer(interval, clock);
        do
        {
            await Say(answerWithin, stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>Says at once, and from then on, that the server is going down: no job gets a worker of it, and those that have one are given others.</summary>
    public Task Leave()
    {
        isLeaving = true;
        return Say(goodbyeWithin, CancellationToken.None);
    }

    async Task Say(TimeSpan within, CancellationToken stop)
    {
        try
        {
            var here = new SiloAnnouncement(options.Name, incarnation, addresses.ExchangeUri, workers.Slots, workers.Device, isLeaving);
            await grains.GetGrain<ISchedulerGrain>(0).Announce(here).WaitAsync(within, clock, stop);
            if (complaint is not null)
                LogHeard();
            complaint = null;
        }
        catch (Exception e) when (e is not OperationCanceledException || !stop.IsCancellationRequested)      // whatever it is, it is said again in a second
        {
            if (complaint != e.Message)
                LogUnheard(complaint = e.Message);
        }
    }

    async Task Started(CancellationToken stop)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(stop);
    }

    [LoggerMessage(EventName = "Serving", Level = LogLevel.Information, Message = "{Name} serves on {Host}: HTTP {Http}, gRPC {Api}, exchange {Exchange}; {Workers} workers on {Device}")]
    partial void LogServing(string name, string host, int http, int api, int exchange, int workers, string device);

    [LoggerMessage(EventName = "Unheard", Level = LogLevel.Warning, Message = "the scheduler does not hear this server, which says it again every second: {Reason}")]
    partial void LogUnheard(string reason);

    [LoggerMessage(EventName = "Heard", Level = LogLevel.Information, Message = "the scheduler hears this server again")]
    partial void LogHeard();
}
