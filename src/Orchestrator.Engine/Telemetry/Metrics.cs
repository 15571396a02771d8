using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Orchestrator.Collectives;

namespace Orchestrator.Engine.Telemetry;

/// <summary>
/// Every instrument of the product, made from the <see cref="Catalogue"/>. Those of a job are of a meter of its own, which ends with the job: so its series go, and what they took is free again.
/// </summary>
public sealed class Metrics : IDisposable
{
    /// <summary>The meter of what a process has.</summary>
    public const string MeterName = "Orchestrator";

    /// <summary>The meters of jobs, one each.</summary>
    public const string JobMeterName = "Orchestrator.Job";

    readonly Meter meter = new(MeterName);
    readonly ConcurrentDictionary<string, JobSeries> jobs = new();
    readonly ConcurrentDictionary<string, Func<double?>> certificates = new();
    readonly Histogram<double> queueWait;
    readonly Histogram<double> checkpointDuration;
    Func<IEnumerable<DeviceReading>> devices = () => [];
    ExchangeCounters? exchange;
    (int Length, TimeSpan Oldest)? queue;
    int? quarantined;
    bool? database;
    long hedged;

    /// <summary>Makes the instruments.</summary>
    public Metrics()
    {
        queueWait = Histogram(meter, Catalogue.QueueWait);
        checkpointDuration = Histogram(meter, Catalogue.CheckpointDuration);
        Observe(Catalogue.MicroBatchesHedged, () => [new(Interlocked.Read(ref hedged))]);
        Observe(Catalogue.QueueLength, () => queue is { } now ? [new(now.Length)] : []);
        Observe(Catalogue.QueueOldest, () => queue is { } now ? [new(now.Oldest.TotalSeconds)] : []);
        Observe(Catalogue.WorkersQuarantined, () => quarantined is { } now ? [new(now)] : []);
        Observe(Catalogue.DeviceMemory, () => devices().SelectMany(it => new[]
        {
            new Measurement<double>(it.MemoryUsed, Tag("device", it.Device), Tag("kind", "used")), new Measurement<double>(it.MemoryTotal, Tag("device", it.Device), Tag("kind", "total")),
        }));
        Observe(Catalogue.DeviceUtilisation, () => devices().Where(it => it.Utilisation is not null).Select(it => Of("device", it.Device, it.Utilisation!.Value)));
        Observe(Catalogue.DeviceTemperature, () => devices().Where(it => it.Temperature is not null).Select(it => Of("device", it.Device, it.Temperature!.Value)));
        Observe(Catalogue.ExchangeBytes, () => exchange is { } it ? [Of("direction", "sent", it.BytesSent), Of("direction", "received", it.BytesReceived)] : []);
        Observe(Catalogue.ExchangeFrames, () => exchange is { } it ? [Of("result", "taken", it.FramesReceived - it.FramesDropped), Of("result", "dropped", it.FramesDropped)] : []);
        Observe(Catalogue.ExchangeSums, () => exchange is { } it ? [new(it.Sums)] : []);
        Observe(Catalogue.ExchangeTime, () => exchange is { } it ? [Of("part", "wait", it.WaitTime.TotalSeconds), Of("part", "sum", it.SumTime.TotalSeconds)] : []);
        Observe(Catalogue.Database, () => database is { } it ? [new(it ? 1 : 0)] : []);
        Observe(Catalogue.CertificateExpiry, () => certificates.Select(it => (it.Key, Until: it.Value())).Where(it => it.Until is not null).Select(it => Of("use", it.Key, it.Until!.Value)));
    }

    /// <summary>The series of a job, from now until it is disposed. One that is of the same job and still there ends.</summary>
    /// <param name="job">the job's key</param>
    public JobSeries Of(string job)
    {
        var series = new JobSeries(job, ended => jobs.TryRemove(new KeyValuePair<string, JobSeries>(job, ended)));
        jobs.AddOrUpdate(job, series, (_, before) =>
        {
            before.End();
            return series;
        });
        return series;
    }

    /// <summary>A job got its first workers after this time.</summary>
    public void JobStarted(TimeSpan waited) => queueWait.Record(waited.TotalSeconds);

    /// <summary>The queue as its scheduler sees it; null where the scheduler has gone to another server.</summary>
    public void QueueIs((int Length, TimeSpan Oldest)? now) => queue = now;

    /// <summary>Workers that no job gets, as the scheduler knows them; null where it has gone to another server.</summary>
    public void QuarantinedAre(int? now) => quarantined = now;

    /// <summary>A micro-batch was computed in the place of another worker.</summary>
    public void Hedged() => Interlocked.Increment(ref hedged);

    /// <summary>A checkpoint is on disk, or could not be brought there.</summary>
    public void CheckpointTook(TimeSpan took) => checkpointDuration.Record(took.TotalSeconds);

    /// <summary>Whether the database answered.</summary>
    public void DatabaseIs(bool up) => database = up;

    /// <summary>Tells until when a certificate is valid.</summary>
    /// <param name="use">whose: <c>server</c> is this server's own, which callers and other servers are shown; <c>authority</c> is that of whoever gave it</param>
    /// <param name="expiry">seconds since 1970; null while there is none</param>
    public void Watch(string use, Func<double?> expiry) => certificates[use] = expiry;

    /// <summary>Tells what this process exchanges.</summary>
    public void Watch(ExchangeCounters counters) => exchange = counters;

    /// <summary>Tells of this machine's devices.</summary>
    public void Watch(Func<IEnumerable<DeviceReading>> read) => devices = read;

    internal static Histogram<double> Histogram(Meter meter, Metric metric)
        => meter.CreateHistogram(metric.Name, metric.Unit, metric.Description, tags: null, new InstrumentAdvice<double> { HistogramBucketBoundaries = metric.Bounds });

    void Observe(Metric metric, Func<IEnumerable<Measurement<double>>> read) => Observe(meter, metric, read);

    internal static void Observe(Meter meter, Metric metric, Func<IEnumerable<Measurement<double>>> read)
    {
        if (metric.Kind == MetricKind.Counter)
            meter.CreateObservableCounter(metric.Name, read, metric.Unit, metric.Description);
        else
            meter.CreateObservableGauge(metric.Name, read, metric.Unit, metric.Description);
    }

    static Measurement<double> Of(string label, string name, double value) => new(value, Tag(label, name));

    static KeyValuePair<string, object?> Tag(string label, string name) => new(label, name);

    /// <summary>Ends all series.</summary>
    public void Dispose()
    {
        foreach (var series in jobs.Values)
            series.Dispose();
        meter.Dispose();
    }
}
