namespace Orchestrator.World;

/// <summary>The world that is shipped.</summary>
public static class Bundled
{
    /// <summary>What it is a function of.</summary>
    public const long Seed = 1;
}
