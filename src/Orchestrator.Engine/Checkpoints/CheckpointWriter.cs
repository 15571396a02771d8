using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Runtime.InteropServices;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine.Checkpoints;

/// <summary>
/// Writes checkpoints beside the training: a worker only copies its state into a spare, at most two of which exist. When both are still being written, the third waits.
/// </summary>
sealed class CheckpointWriter : IDisposable
{
    const int SparesMax = 2;

    readonly BlockingCollection<ReplicaState> spares = [];
    readonly BlockingCollection<(ReplicaState State, Action<JobEvent> Tell)> waiting = [];
    readonly Thread thread;

    public CheckpointWriter(RunFolder run, JobPlan plan, IAdapter method, StartAdapter start)
    {
        for (var i = 0; i < SparesMax; i++)
            spares.Add(new ReplicaState(method.Layout.Count));
        thread = new Thread(() => Run(run, plan, method, start)) { Name = $"checkpoints of {plan.Spec.Name}", IsBackground = true };
        thread.Start();
    }

    /// <summary>Copies the replica's state and returns; <paramref name="tell"/> hears of the outcome.</summary>
    public void Write(Replica replica, Action<JobEvent> tell)
    {
        var spare = spares.Take();
        replica.Export(spare);
        waiting.Add((spare, tell));
    }

    void Run(RunFolder run, JobPlan plan, IAdapter method, StartAdapter start)
    {
        foreach (var (state, tell) in waiting.GetConsumingEnumerable())
        {
            try
            {
                CheckpointFolder.Write(run, plan, method, start, state, Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(state.Parameters.AsSpan()))));
                tell(new JobEvent.Written(state.Step));
            }
            catch (Exception fault) when (fault is ProblemException or IOException or UnauthorizedAccessException)
            {
                tell(new JobEvent.WriteFailed(state.Step, fault.Message));
            }
            spares.Add(state);
        }
    }

    /// <summary>Finishes what waits.</summary>
    public void Dispose()
    {
        waiting.CompleteAdding();
        thread.Join();
        waiting.Dispose();
        spares.Dispose();
    }
}
