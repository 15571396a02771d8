using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Orchestrator.Collectives;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Server.Security;

namespace Orchestrator.Server;

/// <summary>What a server shows of itself.</summary>
public sealed record ObservabilityOptions
{
    /// <summary>Where traces go, over OTLP and gRPC: <c>http://collector:4317</c>. Null, the default, is nowhere, and then none are made.</summary>
    public Uri? Traces { get; init; }

    /// <summary>Share of the calls from outside that are traced, 0 to 1; 0.01 by default. Of a job's steps it is always one in a hundred, the same on all workers.</summary>
    [Range(0.0, 1.0)]
    public double TracedShare { get; init; } = 0.01;
}

/// <summary>Metrics for Prometheus, traces over OTLP, and the ids of both in the log.</summary>
public static class Observability
{
    /// <summary>Series of one instrument, beyond which they are counted together: the runtime's and Orleans' own labels must not grow without a bound.</summary>
    const int SeriesMax = 1_000;

    // Each job has some two dozen instruments, each of which has a few states, parts or causes, or its layers, or its workers.
    const int StreamsMax = 20_000;
    const int SeriesOfJobMax = 16;
    const int GatesMax = 48;
    const int WorkersMax = 256;

    static readonly string[] orleansLabels = ["type", "grain_type", "method", "status", "direction", "reason", "key"];      // not: silo and destination, which are addresses

    /// <summary>Adds metrics, and traces where they are wanted. <see cref="MapMetrics"/> shows the metrics.</summary>
    /// <param name="builder">the host</param>
    /// <param name="options">settings</param>
    /// <param name="name">the server's name</param>
    public static void AddObservability(this IHostApplicationBuilder builder, ObservabilityOptions options, string name)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(options);
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("orchestrator", serviceInstanceId: name))
            .WithMetrics(AddMetrics);
        if (options.Traces is { } collector)
        {
            telemetry.WithTracing(traces => traces
                .AddSource(Traces.SourceName, "Microsoft.AspNetCore", "Microsoft.Orleans.Application")
                .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(options.TracedShare)))
                .AddOtlpExporter(otlp => otlp.Endpoint = collector));
        }
        builder.Logging.Configure(log => log.ActivityTrackingOptions = ActivityTrackingOptions.TraceId | ActivityTrackingOptions.SpanId);
        builder.Services.Configure<JsonConsoleFormatterOptions>(json => json.IncludeScopes = true);
    }

    /// <summary>Lets spans pass from grain to grain, where traces are wanted.</summary>
    public static void AddObservability(this ISiloBuilder silo, ObservabilityOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Traces is not null)
            silo.AddActivityPropagation();
    }

    /// <summary>Shows the metrics at <c>/metrics</c>.</summary>
    public static void MapMetrics(this IEndpointRouteBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        var services = app.ServiceProvider;
        var metrics = services.GetRequiredService<Metrics>();
        metrics.Watch(services.GetRequiredService<GradientExchange>().Counters);
        metrics.Watch(new Devices().Read);
        app.MapPrometheusScrapingEndpoint("/metrics");
    }

    /// <summary>Tells until when the certificate that callers and other servers are shown is valid, and its authority.</summary>
    internal static void Watch(this Metrics metrics, Credentials credentials)
    {
        metrics.Watch("server", () => credentials.Expiry.Server);
        metrics.Watch("authority", () => credentials.Expiry.Authority);
    }

    static void AddMetrics(MeterProviderBuilder metrics) => metrics
        .AddMeter(Metrics.MeterName, Metrics.JobMeterName, "Microsoft.Orleans", "System.Runtime", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel")
        .SetMaxMetricStreams(StreamsMax)
        .AddView(instrument => instrument.Meter.Name switch
        {
            Metrics.MeterName => null,      // bounded by what lives
            Metrics.JobMeterName => new MetricStreamConfiguration
            {
                CardinalityLimit = instrument.Name == Catalogue.Gate.Name ? GatesMax : instrument.Name == Catalogue.Worker.Name ? WorkersMax : SeriesOfJobMax,
            },
            "Microsoft.Orleans" => new MetricStreamConfiguration { CardinalityLimit = SeriesMax, TagKeys = orleansLabels },
            _ => new MetricStreamConfiguration { CardinalityLimit = SeriesMax },
        })
        .AddPrometheusExporter();
}
