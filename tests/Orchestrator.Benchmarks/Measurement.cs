using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Orchestrator.Benchmarks;

/// <summary>What one repetition took.</summary>
/// <param name="Wall">seconds by the clock</param>
/// <param name="Cpu">seconds of processor time of the calling thread: what other programs on the machine disturb least</param>
/// <param name="System">seconds that the process spent in the system's kernel: page faults, where it is much</param>
readonly partial record struct Measurement(double Wall, double Cpu, double System)
{
    /// <summary>Runs something once.</summary>
    public static Measurement Of(Action run)
    {
        var (clock, cpu, system) = (Stopwatch.StartNew(), ThreadSeconds(), SystemSeconds());
        run();
        return new Measurement(clock.Elapsed.TotalSeconds, ThreadSeconds() - cpu, SystemSeconds() - system);
    }

    /// <summary>The processor's name.</summary>
    public static string Processor() => File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown"
        : RuntimeInformation.ProcessArchitecture.ToString();

    static double SystemSeconds() => Environment.CpuUsage.PrivilegedTime.TotalSeconds;

    static double ThreadSeconds()
    {
        if (!OperatingSystem.IsLinux())
            return Environment.CpuUsage.TotalTime.TotalSeconds;
        const int threadClock = 3;
        return ReadClock(threadClock, out var time) == 0 ? time.Seconds + time.Nanoseconds * 1e-9 : throw new InvalidOperationException("no clock of the thread");
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ReadClock(int clock, out Time time);

    [StructLayout(LayoutKind.Sequential)]
    readonly record struct Time(nint Seconds, nint Nanoseconds);
}

/// <summary>Some repetitions' median and how far they lie apart.</summary>
readonly record struct Spread(double Median, double Least, double Most)
{
    public static Spread Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return new Spread(sorted[sorted.Length / 2], sorted[0], sorted[^1]);
    }

    public string Text(string format) => string.Create(CultureInfo.InvariantCulture, $"{Median.ToString(format, CultureInfo.InvariantCulture)} [{Least.ToString(format, CultureInfo.InvariantCulture)} .. {Most.ToString(format, CultureInfo.InvariantCulture)}]");
}
