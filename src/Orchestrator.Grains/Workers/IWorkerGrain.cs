using Orchestrator.Engine;
using Orchestrator.Protocol.Coordination;

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
}
