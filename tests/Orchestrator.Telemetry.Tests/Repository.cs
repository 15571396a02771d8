namespace Orchestrator.Telemetry.Tests;

/// <summary>The files of the repository that the tests were built from.</summary>
static class Repository
{
    static readonly Lazy<string> root = new(() =>
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Orchestrator.sln")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException("the tests do not lie in a clone");
        return folder.FullName;
    });

    public static string PathOf(string relative) => Path.Combine(root.Value, relative);
}
