using System.Diagnostics;

namespace Orchestrator.Benchmarks;

/// <summary>
/// glibc gives large blocks back to the system at once and faults them in again, which is then what is measured (padded rows looked 2 to 3 times slower). It
/// keeps them when told before the process starts.
/// </summary>
static class KeptMemory
{
    const string Variable = "GLIBC_TUNABLES";
    const string Kept = "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456";

    /// <summary>Runs this program again where it was started without the setting.</summary>
    /// <returns>that run's exit code, or null where the setting is there or nothing needs it</returns>
    public static int? Restarted(string[] args)
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable(Variable) is not null)
            return null;
        var start = new ProcessStartInfo(Environment.ProcessPath!, args) { Environment = { [Variable] = Kept } };
        using var again = Process.Start(start)!;
        again.WaitForExit();
        return again.ExitCode;
    }
}
