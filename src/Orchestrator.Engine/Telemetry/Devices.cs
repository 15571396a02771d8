using System.Diagnostics;
using System.Globalization;

namespace Orchestrator.Engine.Telemetry;

/// <summary>What a device shows.</summary>
/// <param name="Device"><c>cpu</c>, or <c>cuda:0</c> and so on</param>
/// <param name="MemoryUsed">bytes in use: of a GPU by anybody, of a processor's memory by this process</param>
/// <param name="MemoryTotal">bytes there are, or that this process may have</param>
/// <param name="Utilisation">percent; null where it cannot be read</param>
/// <param name="Temperature">degrees Celsius; null where it cannot be read</param>
public sealed record DeviceReading(string Device, double MemoryUsed, double MemoryTotal, double? Utilisation, double? Temperature);

/// <summary>Reads the devices of this machine: the processor, and GPUs where NVIDIA's tool is on the path. A GPU is asked at most every few seconds, and not by whoever waits for the answer.</summary>
public sealed class Devices
{
    static readonly TimeSpan askedEvery = TimeSpan.FromSeconds(10);
    static readonly TimeSpan patience = TimeSpan.FromSeconds(5);

    readonly Lock gate = new();
    readonly string? tool = Environment.GetEnvironmentVariable("PATH")?.Split(Path.PathSeparator).Select(folder => Path.Combine(folder, "nvidia-smi")).FirstOrDefault(File.Exists);
    IReadOnlyList<DeviceReading> gpus = [];
    long asked;
    (long At, TimeSpan Busy) before = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
    double? utilisation;

    /// <summary>What they show: of the processor now, of GPUs at most ten seconds ago.</summary>
    public IEnumerable<DeviceReading> Read()
    {
        lock (gate)
        {
            if (tool is not null && (asked == 0 || Stopwatch.GetElapsedTime(asked) > askedEvery))
            {
                asked = Stopwatch.GetTimestamp();
                _ = Ask(tool);
            }
            return [Processor(), .. gpus];
        }
    }

    DeviceReading Processor()
    {
        var (now, busy) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        var past = Stopwatch.GetElapsedTime(before.At, now);
        if (past > TimeSpan.FromMilliseconds(500))
        {
            utilisation = 100 * (busy - before.Busy) / past / Environment.ProcessorCount;
            before = (now, busy);
        }
        return new DeviceReading("cpu", Environment.WorkingSet, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, utilisation, null);
    }

    async Task Ask(string path)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(path, "--query-gpu=index,memory.used,memory.total,utilization.gpu,temperature.gpu --format=csv,noheader,nounits")
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            using var limit = new CancellationTokenSource(patience);
            try
            {
                var said = Parse(await process.StandardOutput.ReadToEndAsync(limit.Token));
                lock (gate)
                    gpus = said;
            }
            catch (OperationCanceledException)
            {
                process.Kill();
            }
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or IOException or InvalidOperationException)
        {
            // What a device shows is not worth more than an empty panel.
        }
    }

    /// <summary>Reads the tool's lines: index, MiB used, MiB in total, percent, degrees; <c>[N/A]</c> where a device does not say.</summary>
    internal static IReadOnlyList<DeviceReading> Parse(string lines)
    {
        var readings = new List<DeviceReading>();
        foreach (var line in lines.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var cells = line.Split(',', StringSplitOptions.TrimEntries);
            if (cells.Length == 5 && Number(cells[1]) is { } used && Number(cells[2]) is { } total)
                readings.Add(new DeviceReading("cuda:" + cells[0], used * (1 << 20), total * (1 << 20), Number(cells[3]), Number(cells[4])));
        }
        return readings;
    }

    static double? Number(string cell) => double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;
}
