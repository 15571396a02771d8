using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Training;
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
    readonly BlockingCollection<Action> waiting = [];
    readonly Action<ReplicaState> write;
    readonly Thread thread;

    public CheckpointWriter(RunFolder run, JobPlan plan, IAdapter method, StartAdapter start)
    {
        write = state => CheckpointFolder.Write(run, plan, method, start, state, Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(state.Parameters.AsSpan()))));
        for (var i = 0; i < SparesMax; i++)
            spares.Add(new ReplicaState(method.Layout.Count));
        thread = new Thread(Run) { Name = $"checkpoints of {plan.Spec.Name}", IsBackground = true };
        thread.Start();
    }

    /// <summary>Where times are told.</summary>
    public Metrics? Metrics { get; init; }

    /// <summary>Copies the replica's state and returns.</summary>
    /// <param name="replica">whose state</param>
    /// <param name="generation">in which it came by that state</param>
    /// <param name="tell">hears of the outcome</param>
    public void Write(Replica replica, Generation generation, Action<JobEvent> tell)
    {
        var spare = spares.Take();
        replica.Export(spare);
        waiting.Add(() => Write(spare, generation, tell));
    }

    /// <summary>Does something when all that was queued so far is written and told.</summary>
    public void Then(Action what) => waiting.Add(what);

    void Run()
    {
        foreach (var next in waiting.GetConsumingEnumerable())
            next();
    }

    // Whatever goes wrong with a file, the training goes on: the job is told, and decides.
    void Write(ReplicaState state, Generation generation, Action<JobEvent> tell)
    {
        JobEvent outcome = new JobEvent.Written(state.Step, generation);
        var started = Stopwatch.GetTimestamp();
        try
        {
            write(state);
            Metrics?.CheckpointTook(Stopwatch.GetElapsedTime(started));
        }
        catch (Exception fault)
        {
            outcome = new JobEvent.WriteFailed(state.Step, generation, fault.Message);
        }
        spares.Add(state);
        tell(outcome);
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
