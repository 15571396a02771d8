using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orleans.Placement;

namespace Orchestrator.Grains.Workers;

/// <inheritdoc cref="IWorkerGrain"/>
[PinnedToSilo, KeepAlive, Immovable]
sealed class WorkerGrain(TrainingEngine engine, IGrainFactory grains, ILogger<WorkerGrain> log) : Grain, IWorkerGrain
{
    /// <inheritdoc/>
    public Task Take(JobAssignment job, Order order)
    {
        engine.Post(WorkerId.Parse(this.GetPrimaryKeyString()), job, order, assignment => new JobReports(grains, engine, assignment.Name, log));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task Prepare(string space, JobSpec spec) => throw new NotSupportedException("follows with the scheduler");
}
