namespace Orchestrator.Page.Parts;

/// <summary>Where an axis is labelled.</summary>
static class Ticks
{
    const int CountMax = 8;

    static readonly int[] multiples = [1, 2, 5, 10];

    /// <summary>The distance of labels that people count in: 1, 2 or 5 times a power of ten.</summary>
    public static double Step(double range)
    {
        if (!(range > 0))
            return 1;
        var power = Math.Pow(10, Math.Floor(Math.Log10(range / CountMax)));
        return power * multiples.First(times => range / (power * times) <= CountMax);
    }
}
