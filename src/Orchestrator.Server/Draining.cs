using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Engine;

namespace Orchestrator.Server;

/// <summary>
/// How a server goes: it is ready no more, tells the scheduler that it leaves, waits until its workers have left their jobs (at the end of a step, with their state handed over), and only then
/// do streams end, ports close and the silo leave the cluster. Bounded: workers that have not left in time are stopped after the micro-batch in hand, and their jobs go on without them.
/// </summary>
sealed partial class Draining(TrainingEngine engine, Announcing announcing, ServerOptions options, TimeProvider clock, ILogger<Draining> log) : IHostedLifecycleService
{
    static readonly TimeSpan look = TimeSpan.FromMilliseconds(20);

    volatile bool hasBegun;

    /// <summary>Whether the server is going down.</summary>
    public bool HasBegun => hasBegun;

    /// <inheritdoc/>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        hasBegun = true;
        var began = clock.GetTimestamp();
        var busy = engine.Workers;
        LogDrains(options.Name, busy);
        await announcing.Leave(cancellationToken);
        while (engine.Workers > 0 && clock.GetElapsedTime(began) < options.DrainTimeout && !cancellationToken.IsCancellationRequested)
            await Task.Delay(look, clock, CancellationToken.None);
        if (engine.Workers is > 0 and var late)
            LogLate(late, options.DrainTimeout);
        await Task.Run(engine.Dispose, CancellationToken.None);
        var took = clock.GetElapsedTime(began);
        LogDrained(options.Name, took);
    }

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(EventName = "Drains", Level = LogLevel.Information, Message = "{Name} was asked to stop; {Workers} of its workers are in jobs")]
    partial void LogDrains(string name, int workers);

    [LoggerMessage(EventName = "DrainedLate", Level = LogLevel.Warning, Message = "{Workers} workers have not left their jobs within {Bound}; they are stopped after the micro-batch in hand")]
    partial void LogLate(int workers, TimeSpan bound);

    [LoggerMessage(EventName = "Drained", Level = LogLevel.Information, Message = "{Name} has no worker in a job any more after {Took}; it leaves the cluster")]
    partial void LogDrained(string name, TimeSpan took);
}
