namespace Orchestrator.Cli;

/// <summary>Where tokenised records and digests are kept between runs: <c>ORCHESTRATOR_CACHE</c>, or <c>orchestrator</c> in the user's cache folder (XDG Base Directory).</summary>
static class CacheFolder
{
    /// <summary>The folder; what stands there may be deleted at any time.</summary>
    public static string Path => Environment.GetEnvironmentVariable("ORCHESTRATOR_CACHE") is { Length: > 0 } own ? own
        : System.IO.Path.Combine(
            Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache
                : System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify), ".cache"),
            "orchestrator");
}
