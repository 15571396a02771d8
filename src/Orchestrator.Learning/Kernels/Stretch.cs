namespace Orchestrator.Learning.Kernels;

/// <summary>Numbers from one up to another: rows, heads or layers.</summary>
/// <param name="From">the first</param>
/// <param name="To">one behind the last</param>
readonly record struct Stretch(int From, int To)
{
    /// <summary>How many there are.</summary>
    public int Count => To - From;

    /// <summary>How many equal parts of at most <paramref name="most"/> it takes.</summary>
    public int Parts(int most) => (Count + most - 1) / most;

    /// <summary>One of <paramref name="parts"/> nearly equal parts.</summary>
    public Stretch Part(int index, int parts) => new(From + (int)((long)Count * index / parts), From + (int)((long)Count * (index + 1) / parts));
}
