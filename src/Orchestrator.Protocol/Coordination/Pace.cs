namespace Orchestrator.Protocol.Coordination;

/// <summary>
/// How fast a worker is, smoothed: seconds for a token, since micro-batches differ in length, and told as seconds for an average micro-batch. One owner.
/// </summary>
public sealed class Pace
{
    /// <summary>Weight of the newest measurement.</summary>
    public const double Weight = 0.3;

    /// <summary>Change of the pace that is worth telling.</summary>
    public const double ToldChange = 0.1;

    /// <summary>A micro-batch that takes so many times the usual time hangs.</summary>
    public const double HangFactor = 10;

    /// <summary>Seconds below which nothing counts as hanging: a collection of garbage, a page that is read, a busy host.</summary>
    public const double HangSecondsMin = 2;

    /// <summary>Micro-batches that are not measured: the first ones make memory and plans.</summary>
    public const int NotMeasured = 1;

    double secondsPerToken;
    double told;
    int measured;

    /// <summary>Whether anything is known yet.</summary>
    public bool IsKnown => measured > NotMeasured;

    /// <summary>A micro-batch was computed.</summary>
    public void Measure(double seconds, long tokens)
    {
        if (tokens <= 0 || ++measured <= NotMeasured)
            return;
        var sample = seconds / tokens;
        secondsPerToken = measured == NotMeasured + 1 ? sample : secondsPerToken + Weight * (sample - secondsPerToken);
    }

    /// <summary>Seconds that so many tokens usually take; 0 before anything is known.</summary>
    public double SecondsFor(double tokens) => IsKnown ? secondsPerToken * tokens : 0;

    /// <summary>Seconds after which a micro-batch of so many tokens hangs; infinite before anything is known.</summary>
    public double HangsAfter(double tokens) => IsKnown ? Math.Max(HangSecondsMin, HangFactor * SecondsFor(tokens)) : double.PositiveInfinity;

    /// <summary>Tells again what was told: another generation begins, and who counted by it may have forgotten.</summary>
    public void TellAgain() => told = 0;

    /// <summary>The pace for micro-batches of so many tokens, if it is worth telling; from then on it is told.</summary>
    public double? Tell(double tokens)
    {
        var now = SecondsFor(tokens);
        if (now <= 0 || (told > 0 && Math.Abs(secondsPerToken / told - 1) < ToldChange))
            return null;
        told = secondsPerToken;
        return now;
    }
}
