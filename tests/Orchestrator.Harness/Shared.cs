namespace Orchestrator.Harness;

/// <summary>Golden values and models that lie beside the project: tests that need them skip where they are missing.</summary>
public static class Shared
{
    /// <summary>The folder <c>../shared</c> beside the repository.</summary>
    public static string Folder { get; } = Path.GetFullPath(Path.Combine(Root(), "..", "shared"));

    /// <summary>A path within, or null where it is missing.</summary>
    public static string? Find(string relative)
    {
        var path = Path.Combine(Folder, relative);
        return File.Exists(path) || Directory.Exists(path) ? path : null;
    }

    static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Orchestrator.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? AppContext.BaseDirectory;
    }
}
