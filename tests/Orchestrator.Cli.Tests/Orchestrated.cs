using System.Diagnostics;

namespace Orchestrator.Cli.Tests;

/// <summary>The built command as a process of its own.</summary>
sealed record Orchestrated(int Code, string Out, string Error)
{
    static readonly TimeSpan endsWithin = TimeSpan.FromMinutes(3);

    /// <summary>Where it finds the user's settings: none of the machine's.</summary>
    public static string Settings { get; } = Directory.CreateTempSubdirectory("orchestrator-settings-").FullName;

    public static Orchestrated Run(params string[] arguments) => RunWith("", arguments);

    public static Orchestrated RunWith(string input, params string[] arguments)
    {
        using var process = Start(arguments);
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        return EndOf(process);
    }

    public static Process Start(params string[] arguments) => Start(new Dictionary<string, string?>(), arguments);

    public static Process Start(IReadOnlyDictionary<string, string?> environment, string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "orchestrator"), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        start.Environment["ORCHESTRATOR_CACHE"] = Path.Combine(Path.GetTempPath(), "orchestrator-cli-tests");
        start.Environment["XDG_CONFIG_HOME"] = Settings;
        start.Environment.Remove("ORCHESTRATOR_DEBUG");
        start.Environment.Remove("ORCHESTRATOR_SERVER");
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    public static Orchestrated EndOf(Process process, TimeSpan? within = null)
    {
        var patience = within ?? endsWithin;
        var (text, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        if (!process.WaitForExit(patience))
        {
            process.Kill();
            throw new TimeoutException($"still running after {patience}");
        }
        return new Orchestrated(process.ExitCode, text.Result, error.Result);
    }
}
