using System.Diagnostics;

namespace Orchestrator.Architecture.Tests;

/// <summary>The sources, as they lie on the disk.</summary>
static class Repository
{
    /// <summary>The folder of the solution.</summary>
    public static string Root { get; } = Above(AppContext.BaseDirectory);

    /// <summary>The configuration that these tests were built in.</summary>
    public static string Configuration { get; } = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    /// <summary>Every file of the project: those under version control, and new ones that are not ignored; relative, with slashes.</summary>
    public static IReadOnlyList<string> Files { get; } = List();

    /// <summary>The projects of a folder of the top level, as they are named.</summary>
    public static IEnumerable<string> ProjectsIn(string folder)
        => Files.Where(file => file.StartsWith(folder + "/", StringComparison.Ordinal) && file.EndsWith(".csproj", StringComparison.Ordinal));

    /// <summary>A file's lines.</summary>
    public static string[] Lines(string relative) => File.ReadAllLines(PathOf(relative));

    /// <summary>Where a file lies.</summary>
    public static string PathOf(string relative) => Path.Combine(Root, relative);

    /// <summary>Runs a program in the root.</summary>
    /// <returns>its exit code, and what it wrote</returns>
    public static (int Code, string Output) Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = Root, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }

    static List<string> List()
    {
        var (code, output) = Run("git", "ls-files", "--cached", "--others", "--exclude-standard");
        Assert.True(code == 0, $"git ls-files: {output}");
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(file => File.Exists(PathOf(file)))];
    }

    static string Above(string folder)
    {
        var at = new DirectoryInfo(folder);
        while (!File.Exists(Path.Combine(at.FullName, "Orchestrator.sln")))
            at = at.Parent ?? throw new DirectoryNotFoundException($"no Orchestrator.sln above {folder}");
        return at.FullName;
    }
}
