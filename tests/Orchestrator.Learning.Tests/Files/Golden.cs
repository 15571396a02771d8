using Orchestrator.Harness;

namespace Orchestrator.Learning.Tests.Files;

/// <summary>Where the golden files are, and folders to write to.</summary>
static class Golden
{
    public static string Path(string relative)
    {
        if (Shared.Find(relative) is { } path)
            return path;
        Assert.Skip($"../shared/{relative} is not there");
        return "";
    }

    public static string Reference(string relative) => Path("reference/" + relative);
}

/// <summary>A folder that goes away with the test.</summary>
sealed class TemporaryFolder : IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("orchestrator-files-").FullName;

    public string this[string name] => System.IO.Path.Combine(Folder, name);

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
