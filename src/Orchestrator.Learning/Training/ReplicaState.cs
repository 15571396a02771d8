using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Learning.Training;

/// <summary>All that changes while a job trains: what a checkpoint keeps and a new worker copies. 12 bytes per trained number.</summary>
/// <param name="count">numbers of the flat vector</param>
public sealed class ReplicaState(int count)
{
    /// <summary>Updates made.</summary>
    public Step Step { get; set; } = Step.Start;

    /// <summary>The trained numbers, in the layout's order.</summary>
    public float[] Parameters { get; } = new float[count];

    /// <summary>AdamW's first moments, in the same order.</summary>
    public float[] FirstMoments { get; } = new float[count];

    /// <summary>AdamW's second moments, in the same order.</summary>
    public float[] SecondMoments { get; } = new float[count];
}
