using Orchestrator.Engine.Telemetry;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Ledger;

namespace Orchestrator.Engine;

/// <summary>
/// How a worker speaks to its job. Grains implement it in a cluster, a list does in a test. No call blocks: what is told is delivered later, in order, or not at all when
/// the process dies.
/// </summary>
public interface IJobReports
{
    /// <summary>Tells what happened.</summary>
    void Tell(JobEvent what);

    /// <summary>Tells of a step in force. The job acknowledges what it has written through <see cref="TrainingEngine.Acknowledge"/>.</summary>
    void Tell(StepReport step);

    /// <summary>From now on what this worker's clock shows is told too: with whatever else is told, and every now and then.</summary>
    void Follow(WorkerClock clock);

    /// <summary>Nothing more will be told: the worker has left.</summary>
    void Complete();
}

/// <summary>A committed step, as the worker that records tells it.</summary>
/// <param name="Worker">who tells</param>
/// <param name="Generation">in which generation</param>
/// <param name="Line">the ledger's line, the same from every worker</param>
/// <param name="ComputeSeconds">the worker's own forward and backward passes</param>
/// <param name="ReduceSeconds">until the sum was there, from its last micro-batch on</param>
/// <param name="StepSeconds">from commit to commit</param>
/// <param name="Gates">tanh of the gates after the step, [layer][head], where the method has gates and the step is sampled; else null</param>
/// <param name="ActivationBytes">what the worker's kernels hold for activations and their gradients; 0 where they keep none from step to step</param>
public sealed record StepReport(
    WorkerId Worker, Generation Generation, LedgerLine Line, double ComputeSeconds, double ReduceSeconds, double StepSeconds, float[][]? Gates = null, long ActivationBytes = 0);
