using Microsoft.Extensions.Logging;
using Orchestrator.Engine;

namespace Orchestrator.Server;

/// <summary>
/// The first half of how a server goes: it is ready no more, tells the scheduler that it leaves, and waits until its workers have left their jobs (at the end of a step, with their state handed
/// over). Bounded: workers that have not left in time are stopped after the micro-batch in hand, and their jobs go on without them. Only then do streams end, ports close and the silo leave.
/// </summary>
sealed partial class Draining(TrainingEngine engine, Announcing announcing, ServerOptions options, TimeProvider clock, ILogger<Draining> log)
{
    static readonly TimeSpan look = TimeSpan.FromMilliseconds(20);

    volatile bool hasBegun;

    /// <summary>Whether the server is going down.</summary>
    public bool HasBegun => hasBegun;

    /// <summary>Takes the workers off their jobs.</summary>
    public async Task Drain()
    {
        hasBegun = true;
        var began = clock.GetTimestamp();
        var busy = engine.Workers;
        LogDrains(options.Name, busy);
        await announcing.Leave();
        while (engine.Workers > 0 && clock.GetElapsedTime(began) < options.DrainTimeout)
            await Task.Delay(look, clock);
        if (engine.Workers is > 0 and var late)
            LogLate(late, options.DrainTimeout);
        await Task.Run(engine.Dispose);
        var took = clock.GetElapsedTime(began);
        LogDrained(options.Name, took);
    }

    [LoggerMessage(EventName = "Drains", Level = LogLevel.Information, Message = "{Name} was asked to stop; {Workers} of its workers are in jobs")]
    partial void LogDrains(string name, int workers);

    [LoggerMessage(EventName = "DrainedLate", Level = LogLevel.Warning, Message = "{Workers} workers have not left their jobs within {Bound}; they are stopped after the micro-batch in hand")]
    partial void LogLate(int workers, TimeSpan bound);

    [LoggerMessage(EventName = "Drained", Level = LogLevel.Information, Message = "{Name} has no worker in a job any more after {Took}; it leaves the cluster")]
    partial void LogDrained(string name, TimeSpan took);
}
