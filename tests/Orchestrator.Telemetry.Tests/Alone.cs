namespace Orchestrator.Telemetry.Tests;

/// <summary>Tests that measure time or memory: while they run no other does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public static class Alone
{
    public const string Name = "alone";
}
