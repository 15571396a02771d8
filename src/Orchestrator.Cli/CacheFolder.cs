namespace Orchestrator.Cli;

/// <summary>Where tokenised records and digests of large files are kept between commands. Whatever stands there may be deleted at any time.</summary>
static class CacheFolder
{
    /// <summary><c>ORCHESTRATOR_CACHE</c>, else <c>orchestrator</c> in the user's own folder for caches (XDG Base Directory Specification).</summary>
    public static string Path { get; } = Environment.GetEnvironmentVariable("ORCHESTRATOR_CACHE") is { Length: > 0 } said
        ? said
        : System.IO.Path.Combine(UserCaches(), "orchestrator");

    static string UserCaches()
    {
        if (OperatingSystem.IsWindows() || OperatingSystem.IsMacOS())
            return Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        return Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } caches
            ? caches
            : System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
    }
}
