using Orchestrator.Engine;
using Orchestrator.Grains.Workers;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Jobs;

/// <summary>Carries orders to workers, each worker's in order. A worker that cannot be reached is told to the job as lost.</summary>
sealed class WorkerOrders(IGrainFactory grains, Func<JobAssignment> job, Action<JobEvent> tell)
{
    readonly Dictionary<WorkerId, Task> last = [];

    /// <summary>Sends an order after those that were sent to the worker before.</summary>
    public void Send(WorkerId worker, Order order) => last[worker] = After(last.GetValueOrDefault(worker, Task.CompletedTask), worker, order);

    async Task After(Task before, WorkerId worker, Order order)
    {
        await before;
        try
        {
            await grains.GetGrain<IWorkerGrain>(worker.ToString()).Take(job(), order);
        }
        catch (Exception e) when (e is SiloUnavailableException or OrleansException or TimeoutException)
        {
            if (order is not Order.Release)
                tell(new JobEvent.Lost(worker.Silo, worker.Slot, order.Generation, e.Message));
        }
    }
}
