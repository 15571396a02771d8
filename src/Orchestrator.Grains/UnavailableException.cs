namespace Orchestrator.Grains;

/// <summary>What was asked could not be written down, so it did not happen: the database, or the disk, cannot be reached just now. The same may be asked again.</summary>
/// <param name="reason">what could not be reached, and why</param>
[GenerateSerializer, Alias("unavailable")]
public sealed class UnavailableException(string reason) : Exception(reason);
