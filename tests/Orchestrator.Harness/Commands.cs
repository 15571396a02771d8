using System.Diagnostics;

namespace Orchestrator.Harness;

/// <summary>Programs of the system that a test asks for something.</summary>
static class Commands
{
    static readonly TimeSpan endsWithin = TimeSpan.FromSeconds(30);

    /// <exception cref="InvalidOperationException">it does not do it; with what it said</exception>
    public static async Task Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var (said, complained) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var patience = new CancellationTokenSource(endsWithin);
        await process.WaitForExitAsync(patience.Token);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {await said}{await complained}");
    }

    /// <summary>Whether a program is on the path.</summary>
    public static bool Has(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Any(folder => File.Exists(Path.Combine(folder, program)));
}
