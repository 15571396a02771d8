using System.Diagnostics;

namespace Orchestrator.Chart.Tests;

/// <summary>The files of the project, as they lie on the disk.</summary>
static class Checkout
{
    /// <summary>The folder of the solution.</summary>
    public static string Root { get; } = Above(AppContext.BaseDirectory);

    /// <summary>The chart's folder.</summary>
    public static string Chart { get; } = PathOf("helm/orchestrator");

    /// <summary>Where a file lies.</summary>
    public static string PathOf(string relative) => Path.Combine(Root, relative);

    /// <summary>A file's text.</summary>
    public static string Read(string relative) => File.ReadAllText(PathOf(relative));

    /// <summary>
    /// A file that is generated: compared with what it has to be, or written where the environment has <c>REWRITE_CHART=1</c>, to be read before it is committed.
    /// </summary>
    public static void IsGenerated(string relative, string text)
    {
        var path = PathOf(relative);
        if (Environment.GetEnvironmentVariable("REWRITE_CHART") == "1")
            File.WriteAllText(path, text);
        Assert.True(File.Exists(path) && File.ReadAllText(path) == text, $"{relative} is not what it is generated from: run this test with REWRITE_CHART=1, and read what changed");
    }

    /// <summary>Runs a program to its end.</summary>
    /// <returns>its exit code, what it wrote, and what it complained of</returns>
    public static (int Code, string Output, string Errors) Run(string program, IEnumerable<string> arguments, string? folder = null, string? input = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder ?? Root, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (input is not null)
            process.StandardInput.Write(input);
        process.StandardInput.Close();
        process.WaitForExit();
        return (process.ExitCode, output.Result, errors.Result);
    }

    static string Above(string folder)
    {
        var at = new DirectoryInfo(folder);
        while (!File.Exists(Path.Combine(at.FullName, "Orchestrator.sln")))
            at = at.Parent ?? throw new DirectoryNotFoundException($"no Orchestrator.sln above {folder}");
        return at.FullName;
    }
}
