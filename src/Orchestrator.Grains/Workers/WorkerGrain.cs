using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Grains.Evaluation;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orleans.Placement;

namespace Orchestrator.Grains.Workers;

/// <inheritdoc cref="IWorkerGrain"/>
[PinnedToSilo, KeepAlive, Immovable]
sealed class WorkerGrain(TrainingEngine engine, Preparations preparations, Evaluations evaluations, IGrainFactory grains, ILogger<WorkerGrain> log) : Grain, IWorkerGrain
{
    /// <inheritdoc/>
    public Task Take(JobAssignment job, Order order)
    {
        engine.Post(WorkerId.Parse(this.GetPrimaryKeyString()), job, order, assignment => new JobReports(grains, engine, assignment.Name, log));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task Prepare(string space, JobSpec spec)
    {
        preparations.Begin(space, spec);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task Evaluate(JobAssignment job, Step step, Generation since)
    {
        evaluations.Begin(job, step, since);
        return Task.CompletedTask;
    }
}
