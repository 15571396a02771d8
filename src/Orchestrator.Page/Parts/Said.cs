using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Orchestrator.Api.V1;

namespace Orchestrator.Page.Parts;

/// <summary>Numbers and times for people.</summary>
static class Said
{
    public const string Nothing = "–";

    public static bool IsOver(Phase phase) => phase is Phase.Completed or Phase.Failed or Phase.Cancelled;

    public static string Loss(double? loss) => loss is { } number ? number.ToString("0.0000", CultureInfo.InvariantCulture) : Nothing;

    public static string Count(double number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Percent(double? share) => share is { } part ? (100 * part).ToString("0.0", CultureInfo.InvariantCulture) + " %" : Nothing;

    public static string Small(double number) => number.ToString("0.##e0", CultureInfo.InvariantCulture);

    public static string Bytes(long bytes) => bytes switch
    {
        >= 1 << 20 => (bytes / (double)(1 << 20)).ToString("0.0", CultureInfo.InvariantCulture) + " MiB",
        >= 1 << 10 => (bytes / 1024.0).ToString("0.0", CultureInfo.InvariantCulture) + " KiB",
        _ => $"{bytes} B",
    };

    public static string Time(TimeSpan time) => time switch
    {
        { TotalHours: >= 24 } => $"{(int)time.TotalDays} d {time.Hours} h",
        { TotalMinutes: >= 60 } => $"{(int)time.TotalHours} h {time.Minutes} min",
        { TotalSeconds: >= 60 } => $"{(int)time.TotalMinutes} min {time.Seconds} s",
        { TotalSeconds: >= 10 } => $"{(int)time.TotalSeconds} s",
        _ => Math.Max(0, time.TotalSeconds).ToString("0.0", CultureInfo.InvariantCulture) + " s",
    };

    public static string Clock(Timestamp? at) => at is null ? Nothing : at.ToDateTimeOffset().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) + " UTC";

    public static string Remaining(Job job) => IsOver(job.Phase) && job.Ended is not null && job.Started is not null ? Time(job.Ended.ToDateTimeOffset() - job.Started.ToDateTimeOffset())
        : job.Remaining is { } remaining ? Time(remaining.ToTimeSpan()) + " left" : Nothing;

    public static double Progress(Job job) => job.Steps > 0 ? 100.0 * job.Step / job.Steps : 0;
}
