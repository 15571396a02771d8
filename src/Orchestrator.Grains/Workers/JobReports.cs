using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Workers;

/// <summary>
/// The way from a worker's thread to its job's grain: batched, in order, sent again until the job has answered. Steps are kept until the job says that its ledger holds them.
/// </summary>
sealed partial class JobReports : IJobReports
{
    static readonly TimeSpan pauseAfterFault = TimeSpan.FromMilliseconds(200);
    static readonly TimeSpan accountEvery = TimeSpan.FromSeconds(1);
    const int LastAccountTriesMax = 25;

    readonly Channel<object> told = Channel.CreateUnbounded<object>(new UnboundedChannelOptions { SingleReader = true });
    readonly IGrainFactory grains;
    readonly TrainingEngine engine;
    readonly string job;
    readonly ILogger log;
    string? complaint;
    WorkerClock? clock;

    public JobReports(IGrainFactory grains, TrainingEngine engine, string job, ILogger log)
    {
        (this.grains, this.engine, this.job, this.log) = (grains, engine, job, log);
        Finished = Task.Run(Deliver);
    }

    /// <summary>Ends when everything was delivered after <see cref="Complete"/>.</summary>
    public Task Finished { get; }

    /// <inheritdoc/>
    public void Tell(JobEvent what) => told.Writer.TryWrite(what);

    /// <inheritdoc/>
    public void Tell(StepReport step) => told.Writer.TryWrite(step);

    /// <inheritdoc/>
    public void Follow(WorkerClock clock) => Volatile.Write(ref this.clock, clock);

    /// <inheritdoc/>
    public void Complete() => told.Writer.TryComplete();

    async Task Deliver()
    {
        var reading = told.Reader.WaitToReadAsync().AsTask();
        for (var isOver = false; !isOver;)
        {
            if (!reading.IsCompleted)
                await Task.WhenAny(reading, Task.Delay(accountEvery));
            var events = new List<JobEvent>();
            var steps = new List<StepReport>();
            if (reading.IsCompleted)
            {
                isOver = !await reading;
                while (told.Reader.TryRead(out var what))
                {
                    if (what is StepReport step)
                        steps.Add(step);
                    else
                        events.Add((JobEvent)what);
                }
                reading = told.Reader.WaitToReadAsync().AsTask();
            }
            for (var tries = 1; !await Send(events, steps) && !(isOver && tries == LastAccountTriesMax); tries++)
                await Task.Delay(pauseAfterFault);
        }
    }

    // Whether the job has answered: only then the batch is over, since a report may be repeated but not lost.
    async Task<bool> Send(List<JobEvent> events, List<StepReport> steps)
    {
        try
        {
            var account = Volatile.Read(ref clock)?.Read();
            if (account is not null || events.Count + steps.Count > 0)
                engine.Acknowledge(job, await grains.GetGrain<IJobGrain>(job).Report(events, steps, account));
            complaint = null;
            return true;
        }
        catch (Exception e)      // a full disk under the job's ledger as well as a silo that is gone: it passes, and what was told must not be lost
        {
            if (complaint != e.Message)
                LogUndelivered(job, complaint = e.Message);
            return engine.IsClosed;
        }
    }

    [LoggerMessage(EventName = "ReportUndelivered", Level = LogLevel.Warning, Message = "{Job}: what its workers tell is not taken, and is sent again: {Reason}")]
    partial void LogUndelivered(string job, string reason);
}
