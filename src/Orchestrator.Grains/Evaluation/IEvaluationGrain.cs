using Orchestrator.Engine;
using Orchestrator.Protocol.Coordination;
using Orleans.Concurrency;

namespace Orchestrator.Grains.Evaluation;

/// <summary>The evaluations of a job; the key is the job's name.</summary>
[Alias("evaluation")]
public interface IEvaluationGrain : IGrainWithStringKey
{
    /// <summary>
    /// Evaluates the adapter of a step's checkpoint (step 0: the start) beside the training, and tells the job. A step that is under way or done is not evaluated again, but told again.
    /// </summary>
    /// <param name="job">the job</param>
    /// <param name="step">whose checkpoint</param>
    /// <param name="since">what <see cref="JobOrder.Evaluate"/> says: after the job went back, the checkpoint of the step is another</param>
    [Alias("evaluate"), OneWay]
    Task Evaluate(JobAssignment job, Step step, Generation since);
}
