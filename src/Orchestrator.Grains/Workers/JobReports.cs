using System.Threading.Channels;
using Orchestrator.Engine;
using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Workers;

/// <summary>
/// The way from a worker's thread to its job's grain: batched, in order, sent again until the job has answered. Steps are kept until the job says that its ledger holds them.
/// </summary>
sealed class JobReports : IJobReports
{
    static readonly TimeSpan pauseAfterFault = TimeSpan.FromMilliseconds(200);

    readonly Channel<object> told = Channel.CreateUnbounded<object>(new UnboundedChannelOptions { SingleReader = true });
    readonly IGrainFactory grains;
    readonly TrainingEngine engine;
    readonly string job;

    public JobReports(IGrainFactory grains, TrainingEngine engine, string job)
    {
        (this.grains, this.engine, this.job) = (grains, engine, job);
        Finished = Task.Run(Deliver);
    }

    /// <summary>Ends when everything was delivered after <see cref="Complete"/>.</summary>
    public Task Finished { get; }

    /// <inheritdoc/>
    public void Tell(JobEvent what) => told.Writer.TryWrite(what);

    /// <inheritdoc/>
    public void Tell(StepReport step) => told.Writer.TryWrite(step);

    /// <inheritdoc/>
    public void Complete() => told.Writer.TryComplete();

    async Task Deliver()
    {
        while (await told.Reader.WaitToReadAsync())
        {
            var events = new List<JobEvent>();
            var steps = new List<StepReport>();
            while (told.Reader.TryRead(out var what))
            {
                if (what is StepReport step)
                    steps.Add(step);
                else
                    events.Add((JobEvent)what);
            }
            while (!await Send(events, steps))
                await Task.Delay(pauseAfterFault);
        }
    }

    // Whether the job has answered: only then the batch is over, since a report may be repeated but not lost.
    async Task<bool> Send(List<JobEvent> events, List<StepReport> steps)
    {
        try
        {
            var written = await grains.GetGrain<IJobGrain>(job).Report(events, steps);
            engine.Acknowledge(job, written);
            return true;
        }
        catch (Exception e) when (e is SiloUnavailableException or OrleansException or TimeoutException)
        {
            return engine.IsClosed;
        }
    }
}
