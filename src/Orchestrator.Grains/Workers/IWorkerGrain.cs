using Orchestrator.Engine;
using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Grains.Workers;

/// <summary>
/// A worker of a silo: <c>silo/slot</c> is its key and decides where it lives. A facade: the replica and its thread are the engine's and outlive this activation, which Orleans may drop
/// when some other silo dies.
/// </summary>
[Alias("worker")]
public interface IWorkerGrain : IGrainWithStringKey
{
    /// <summary>
    /// Hands an order to the worker and returns at once. A repeated order changes nothing, one of an older generation is dropped by the participant.
    /// </summary>
    [Alias("take")]
    Task Take(JobAssignment job, Order order);

    /// <summary>Has this silo prepare a job, and returns at once; the job is told through <see cref="IJobGrain.Prepared"/>. While it prepares, a repeat changes nothing.</summary>
    [Alias("prepare")]
    Task Prepare(string space, JobSpec spec);

    /// <summary>
    /// Has this silo evaluate the adapter of a step's checkpoint (step 0: the start) beside the training, and returns at once; the job is told through <see cref="IJobGrain.Evaluated"/>. A step
    /// that is under way or done is not evaluated again, but told again.
    /// </summary>
    /// <param name="job">the job</param>
    /// <param name="step">whose checkpoint</param>
    /// <param name="since">what <see cref="JobOrder.Evaluate"/> says: after the job went back, the checkpoint of the step is another</param>
    [Alias("evaluate")]
    Task Evaluate(JobAssignment job, Step step, Generation since);
}
