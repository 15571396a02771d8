namespace Orchestrator.Harness;

/// <summary>The folder beside the project with reference values, models and records that are not the project's own.</summary>
public static class Shared
{
    static readonly string Root = FindRoot();

    /// <summary>The folder, whether it exists or not.</summary>
    public static string Folder => Path.GetFullPath(Path.Combine(Root, "..", "shared"));

    /// <summary>The path of a file or folder in it, or null where it is missing.</summary>
    public static string? Find(string relative)
    {
        var path = Path.Combine(Folder, relative);
        return File.Exists(path) || Directory.Exists(path) ? path : null;
    }

    static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Orchestrator.sln")))
                return folder.FullName;
        }
        throw new DirectoryNotFoundException($"no Orchestrator.sln above {AppContext.BaseDirectory}");
    }
}
