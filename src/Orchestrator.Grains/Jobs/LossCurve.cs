namespace Orchestrator.Grains.Jobs;

/// <summary>The training loss over the steps in force, in a few points: every step's at first, then every second one's, every fourth one's, …</summary>
sealed class LossCurve
{
    const int PointsMax = 64;

    readonly List<float> kept = [];      // of every stride-th step
    int stride = 1;
    long steps;
    float last;

    /// <summary>The points, evenly spread but for the last, which is the last step's.</summary>
    public IReadOnlyList<float> Points => steps % stride == 0 ? [.. kept] : [.. kept, last];

    /// <summary>Takes the next step's loss.</summary>
    public void Add(double loss)
    {
        last = (float)loss;
        if (++steps % stride != 0)
            return;
        kept.Add(last);
        if (kept.Count < PointsMax)
            return;
        stride *= 2;
        for (var i = 0; i < kept.Count; i++)
            kept.RemoveAt(i);      // the even ones stay
    }

    /// <summary>Forgets all of it.</summary>
    public void Clear()
    {
        kept.Clear();
        (stride, steps) = (1, 0);
    }
}
