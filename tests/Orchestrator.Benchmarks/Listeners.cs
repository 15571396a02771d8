using System.Diagnostics;
using System.Diagnostics.Metrics;
using Orchestrator.Engine;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Benchmarks;

/// <summary>Whoever hears of a job on a server: its series, read twice a second, and its spans. It ends with the benchmark's turn.</summary>
sealed class Listeners : IDisposable
{
    static readonly TimeSpan readEvery = TimeSpan.FromMilliseconds(500);

    readonly Metrics metrics = new();
    readonly MeterListener reader = new() { InstrumentPublished = (instrument, listener) => listener.EnableMeasurementEvents(instrument) };
    readonly ActivityListener spans = new()
    {
        ShouldListenTo = source => source.Name == Traces.SourceName,
        Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
    };
    readonly JobTelemetry telemetry;
    readonly Timer reading;

    public Listeners(JobAssignment job)
    {
        ActivitySource.AddActivityListener(spans);
        telemetry = new JobTelemetry(metrics, job, new StoredAccounts(), new JobState(), TimeProvider.System);
        Trace = telemetry.Traced(job).Trace;
        reader.Start();
        reading = new Timer(_ => reader.RecordObservableInstruments(), null, readEvery, readEvery);
    }

    /// <summary>The span that the workers' spans belong to.</summary>
    public string? Trace { get; }

    /// <summary>A worker has told a step.</summary>
    public void Hear(StepReport step)
    {
        lock (metrics)
            telemetry.Committed(step);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        reading.Dispose();
        reader.Dispose();
        telemetry.Dispose();
        spans.Dispose();
        metrics.Dispose();
    }
}
