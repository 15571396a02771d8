using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine;

/// <summary>
/// The numbers from which a worker computed its last steps, so that a micro-batch can be computed once more when two workers differ in it. As many as fit; a question about an older step is
/// answered with nothing.
/// </summary>
/// <param name="length">numbers; 0 keeps nothing</param>
sealed class PastParameters(int length)
{
    /// <summary>Steps that are kept: an answer of the job comes within one or two.</summary>
    public const int StepsMax = 8;

    /// <summary>Bytes that one worker may take for it.</summary>
    public const long BytesMax = 256 << 20;

    readonly int capacity = length == 0 ? 0 : (int)Math.Min(StepsMax, BytesMax / ((long)length * sizeof(float)));
    readonly Queue<(Step Step, float[] Numbers)> kept = [];

    /// <summary>Keeps what a step was computed from.</summary>
    public void Keep(Step step, ReadOnlySpan<float> numbers)
    {
        if (capacity == 0)
            return;
        var room = kept.Count == capacity ? kept.Dequeue().Numbers : new float[length];
        numbers.CopyTo(room);
        kept.Enqueue((step, room));
    }

    /// <summary>What a step was computed from; null if it is not there any more.</summary>
    public float[]? Find(Step step) => kept.FirstOrDefault(past => past.Step == step).Numbers;

    /// <summary>Forgets everything: the state is another one now.</summary>
    public void Clear() => kept.Clear();
}
