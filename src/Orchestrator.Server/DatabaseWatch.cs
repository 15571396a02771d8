using Microsoft.Extensions.Hosting;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Server.Database;

namespace Orchestrator.Server;

/// <summary>Asks the database every few seconds whether it is there, for the metrics: between two changes of a job nobody else would.</summary>
sealed class DatabaseWatch(IServerDatabase database, Metrics metrics, TimeProvider clock) : BackgroundService
{
    static readonly TimeSpan every = TimeSpan.FromSeconds(5);
    static readonly TimeSpan patience = TimeSpan.FromSeconds(3);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(every, clock);
        try
        {
            do
                metrics.DatabaseIs(await Answers(stoppingToken));
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
        }
    }

    async Task<bool> Answers(CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(patience);
        try
        {
            await database.Ask(limit.Token);
            return true;
        }
        catch (Exception) when (!stop.IsCancellationRequested)      // whatever it is, it is the database's
        {
            return false;
        }
    }
}
