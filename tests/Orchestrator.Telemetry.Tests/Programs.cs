using System.Diagnostics;

namespace Orchestrator.Telemetry.Tests;

/// <summary>Other programs that the tests run.</summary>
static class Programs
{
    static readonly TimeSpan patience = TimeSpan.FromMinutes(3);

    /// <summary>Runs a program to its end.</summary>
    /// <returns>its exit code, and, where that is not 0, what it said</returns>
    public static async Task<(int Code, string Said)> Run(string program, params string[] arguments) => await RunIn(Path.GetTempPath(), program, arguments);

    /// <summary>The same in a folder.</summary>
    public static async Task<(int Code, string Said)> RunIn(string folder, string program, params string[] arguments)
    {
        Assert.SkipUnless(Exists(program), $"{program} is not installed");
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
        using var limit = new CancellationTokenSource(patience);
        try
        {
            var (said, complained) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, process.ExitCode == 0 ? "" : await said + await complained);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} did not end within {patience}");
        }
    }

    public static bool Exists(string program)
        => Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program)));
}
