namespace Orchestrator.Protocol.Reduction;

/// <summary>The flat vector cut into slices, each with an owner that finishes the tree for it. At most 16, so that messages grow with W × S, not W².</summary>
/// <param name="Length">elements of the vector</param>
/// <param name="Processes">processes of the generation</param>
public readonly record struct Slices(int Length, int Processes)
{
    /// <summary>Most slices that a vector is cut into.</summary>
    public const int CountMax = 16;

    /// <summary>S, the number of slices.</summary>
    public int Count => Math.Max(1, Math.Min(Math.Min(Processes, CountMax), Length));

    /// <summary>The process that finishes slice <paramref name="slice"/>: owners are spread evenly over the processes.</summary>
    public int OwnerOf(int slice) => (int)((long)slice * Processes / Count);

    /// <summary>First element of a slice and the number of its elements.</summary>
    public (int Offset, int Length) Of(int slice)
    {
        var from = (int)((long)slice * Length / Count);
        return (from, (int)((long)(slice + 1) * Length / Count) - from);
    }
}
