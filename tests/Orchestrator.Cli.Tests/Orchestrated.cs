using System.Diagnostics;

namespace Orchestrator.Cli.Tests;

/// <summary>The built command as a process of its own.</summary>
sealed record Orchestrated(int Code, string Out, string Error)
{
    static readonly TimeSpan endsWithin = TimeSpan.FromSeconds(60);

    public static Orchestrated Run(params string[] arguments) => RunWith("", arguments);

    public static Orchestrated RunWith(string input, params string[] arguments)
    {
        using var process = Start(arguments);
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        return EndOf(process);
    }

    public static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "orchestrator"), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        start.Environment["ORCHESTRATOR_CACHE"] = Path.Combine(Path.GetTempPath(), "orchestrator-cli-tests");
        start.Environment.Remove("ORCHESTRATOR_DEBUG");
        return Process.Start(start)!;
    }

    public static Orchestrated EndOf(Process process)
    {
        var (text, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        if (!process.WaitForExit(endsWithin))
        {
            process.Kill();
            throw new TimeoutException($"still running after {endsWithin}");
        }
        return new Orchestrated(process.ExitCode, text.Result, error.Result);
    }
}
