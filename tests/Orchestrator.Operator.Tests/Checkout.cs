namespace Orchestrator.Operator.Tests;

/// <summary>The files of the repository.</summary>
static class Checkout
{
    static readonly Lazy<string> root = new(() =>
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Orchestrator.sln")))
                return folder.FullName;
        throw new InvalidOperationException($"no repository above {AppContext.BaseDirectory}");
    });

    /// <summary>The whole path of a file of the repository.</summary>
    public static string PathOf(string file) => Path.Combine(root.Value, file);
}
