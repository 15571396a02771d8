using System.Globalization;
using System.Text;

namespace Orchestrator.Engine.Telemetry;

/// <summary>How a metric's number is to be read.</summary>
public enum MetricKind
{
    /// <summary>It goes up and down.</summary>
    Gauge,

    /// <summary>It only goes up, but for a new beginning when a job's grain moves or a process starts.</summary>
    Counter,

    /// <summary>How often which values occurred.</summary>
    Histogram,
}

/// <summary>A metric of the product.</summary>
/// <param name="Name">its name, with dots; <see cref="Series"/> is Prometheus' form of it</param>
/// <param name="Kind">how to read it</param>
/// <param name="Unit">its unit, in UCUM's letters; in braces what is counted</param>
/// <param name="Description">what it says</param>
/// <param name="Labels">its labels</param>
/// <param name="Bounds">upper bounds of a histogram's buckets</param>
public sealed record Metric(string Name, MetricKind Kind, string Unit, string Description, IReadOnlyList<string> Labels, IReadOnlyList<double>? Bounds = null)
{
    /// <summary>The name under which Prometheus knows it; a histogram's series end in <c>_bucket</c>, <c>_sum</c> and <c>_count</c>.</summary>
    public string Series => Name.Replace('.', '_') + (Unit switch { "s" => "_seconds", "By" => "_bytes", "%" => "_percent", "Cel" => "_celsius", _ => "" })
        + (Kind == MetricKind.Counter ? "_total" : "");
}

/// <summary>Every metric of the product, once: names, units, descriptions, labels, buckets. No step number, address or free text is a label.</summary>
public static class Catalogue
{
    /// <summary>The label that carries a job's key; <c>job</c> is the scraper's own.</summary>
    public const string Job = "training_job";

    static readonly double[] stepBounds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60];
    static readonly double[] recoveryBounds = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300];
    static readonly double[] writeBounds = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60];

    /// <summary>The coordinator's phase.</summary>
    public static readonly Metric Phase = Gauge("job.phase", "1", "1 for the phase that the job is in; no other phase has a series.", Job, "phase");

    /// <summary>Training loss.</summary>
    public static readonly Metric Loss = Gauge("job.loss", "{nat}", "Mean training loss of the supervised tokens of the last step; NaN or Inf where it is not finite.", Job);

    /// <summary>Held-out loss.</summary>
    public static readonly Metric ValidationLoss = Gauge("job.validation.loss", "{nat}", "Loss of the held-out records at the last evaluation.", Job);

    /// <summary>Learning rate.</summary>
    public static readonly Metric LearningRate = Gauge("job.learning.rate", "1", "Learning rate of the last step.", Job);

    /// <summary>Gradient norm.</summary>
    public static readonly Metric GradientNorm = Gauge("job.gradient.norm", "1", "L2 norm of the last step's gradient, before clipping.", Job);

    /// <summary>Gates.</summary>
    public static readonly Metric Gate = Gauge("job.gate", "1", "Mean of |tanh(gate)| over the heads of a layer: how much the adapter has its say there. Sampled.", Job, "layer");

    /// <summary>Step.</summary>
    public static readonly Metric Step = Gauge("job.step", "{step}", "The highest committed step.", Job);

    /// <summary>Last step.</summary>
    public static readonly Metric LastStep = Gauge("job.last.step", "{step}", "The step at which the job is done.", Job);

    /// <summary>Steps.</summary>
    public static readonly Metric Steps = Counter("job.steps", "{step}", "Steps that were committed.", Job);

    /// <summary>Tokens.</summary>
    public static readonly Metric Tokens = Counter("job.tokens", "{token}", "Tokens of committed steps: all of them, and those that the loss looks at.", Job, "kind");

    /// <summary>Examples.</summary>
    public static readonly Metric Examples = Counter("job.examples", "{example}", "Records of committed steps.", Job);

    /// <summary>Step time.</summary>
    public static readonly Metric StepDuration = Histogram("job.step.duration", "s",
        "Time of a step, as the worker that told it first saw it: part is step (from commit to commit), compute (forward and backward) or reduce (until the sum is there).", stepBounds, Job, "part");

    /// <summary>Workers wanted.</summary>
    public static readonly Metric WorkersWanted = Gauge("job.workers.wanted", "{worker}", "Workers that the job may use.", Job);

    /// <summary>Workers present.</summary>
    public static readonly Metric WorkersPresent = Gauge("job.workers.present", "{worker}", "Workers that are members of the current generation.", Job);

    /// <summary>Generation.</summary>
    public static readonly Metric Generation = Gauge("job.generation", "{generation}", "Number of the current membership.", Job);

    /// <summary>Generations.</summary>
    public static readonly Metric Generations = Counter("job.generations", "{generation}", "Memberships that began, by what ended the one before: start, loss, resize, boundary, resume, restart.", Job, "cause");

    /// <summary>Recovery.</summary>
    public static readonly Metric RecoveryDuration = Histogram("job.recovery.duration", "s",
        "From the event that ended a membership to the first step of the next, by cause as in job.generations.", recoveryBounds, Job, "cause");

    /// <summary>Micro-batches dealt again.</summary>
    public static readonly Metric MicroBatchesDealtAgain = Counter("job.microbatches.redealt", "{microbatch}", "Micro-batches of interrupted steps that were dealt anew.", Job);

    /// <summary>Workers out of use.</summary>
    public static readonly Metric WorkersQuarantined = Gauge("workers.quarantined", "{worker}", "Workers that a job found to compute wrong, and that no job gets until their server is uncordoned. Told by the server that has the scheduler.");

    /// <summary>Quarantine.</summary>
    public static readonly Metric Quarantined = Gauge("job.quarantined", "{worker}", "Workers that computed wrong; the job uses them no more.", Job);

    /// <summary>Worker-seconds.</summary>
    public static readonly Metric WorkerTime = Counter("job.worker.time", "s", "Worker-seconds by what they went into; the states add up to all the time that workers were the job's.", Job, "state");

    /// <summary>Goodput.</summary>
    public static readonly Metric Goodput = Gauge("job.goodput", "1", "Share of all worker-seconds so far that computed what is in the result, 0 to 1.", Job);

    /// <summary>Checkpoints.</summary>
    public static readonly Metric Checkpoints = Counter("job.checkpoints", "{checkpoint}", "Checkpoints by result: written or failed.", Job, "result");

    /// <summary>Checkpoint bytes.</summary>
    public static readonly Metric CheckpointSize = Gauge("job.checkpoint.size", "By", "Bytes of the newest checkpoint.", Job);

    /// <summary>Checkpoint step.</summary>
    public static readonly Metric CheckpointStep = Gauge("job.checkpoint.step", "{step}", "Step of the newest whole checkpoint.", Job);

    /// <summary>Jobs in the queue.</summary>
    public static readonly Metric QueueLength = Gauge("queue.length", "{job}", "Jobs that wait for workers. Told by the server that has the scheduler.");

    /// <summary>Longest wait.</summary>
    public static readonly Metric QueueOldest = Gauge("queue.oldest", "s", "How long the job that waits longest has waited. Told by the server that has the scheduler.");

    /// <summary>Waits.</summary>
    public static readonly Metric QueueWait = Histogram("queue.wait", "s", "How long jobs waited for their first workers.", [1, 5, 15, 60, 300, 900, 3600, 14400]);

    /// <summary>Workers.</summary>
    public static readonly Metric Worker = Gauge("job.worker.state", "1", $"What a worker's time goes into: {string.Join(", ", WorkerSeconds.None.ByState().Select((state, i) => $"{i} {state.Key}"))}.", Job, "worker");

    /// <summary>Hedges.</summary>
    public static readonly Metric MicroBatchesHedged = Counter("microbatches.hedged", "{microbatch}", "Micro-batches that workers of this server computed in the place of others that did not come.");

    /// <summary>Checkpoint write time.</summary>
    public static readonly Metric CheckpointDuration = Histogram("checkpoint.duration", "s", "Time to write, flush and rename a checkpoint, beside the training.", writeBounds);

    /// <summary>Device memory.</summary>
    public static readonly Metric DeviceMemory = Gauge("device.memory", "By", "Memory of a device: used by whoever uses it, and in total. For a processor that of this process, and of the machine or its limit.", "device", "kind");

    /// <summary>Device utilisation.</summary>
    public static readonly Metric DeviceUtilisation = Gauge("device.utilisation", "%", "How busy a device is. For a processor by this process.", "device");

    /// <summary>Device temperature.</summary>
    public static readonly Metric DeviceTemperature = Gauge("device.temperature", "Cel", "Temperature of a device, where it can be read.", "device");

    /// <summary>Exchange bytes.</summary>
    public static readonly Metric ExchangeBytes = Counter("exchange.io", "By", "Bytes of floats between this server and its peers.", "direction");

    /// <summary>Exchange frames.</summary>
    public static readonly Metric ExchangeFrames = Counter("exchange.frames", "{frame}", "Frames from peers: taken, and dropped since they were late, doubled, of another generation, or did not fit.", "result");

    /// <summary>Exchange sums.</summary>
    public static readonly Metric ExchangeSums = Counter("exchange.sums", "{sum}", "Sums of a step that this server took part in.");

    /// <summary>Exchange time.</summary>
    public static readonly Metric ExchangeTime = Counter("exchange.time", "s", "Time in which this server waited for peers, and then summed with them.", "part");

    /// <summary>Database.</summary>
    public static readonly Metric Database = Gauge("database.up", "1", "Whether the database answered when it was asked last: 1 or 0.");

    /// <summary>Certificate.</summary>
    public static readonly Metric CertificateExpiry = Gauge("certificate.expiry", "s", "Until when a certificate of this server is valid, in seconds since 1970.", "use");

    /// <summary>All of them, in the order of the documentation.</summary>
    public static IReadOnlyList<Metric> All { get; } =
    [
        Phase, Step, LastStep, Steps, Loss, ValidationLoss, LearningRate, GradientNorm, Gate, Tokens, Examples, StepDuration, WorkersWanted, WorkersPresent, WorkerTime, Worker, Goodput, Generation, Generations,
        RecoveryDuration, MicroBatchesDealtAgain, MicroBatchesHedged, Quarantined, Checkpoints, CheckpointStep, CheckpointSize, CheckpointDuration, QueueLength, QueueOldest, WorkersQuarantined, QueueWait, DeviceMemory, DeviceUtilisation,
        DeviceTemperature, ExchangeBytes, ExchangeFrames, ExchangeSums, ExchangeTime, Database, CertificateExpiry,
    ];

    /// <summary>The catalogue as a page.</summary>
    public static string Markdown()
    {
        var page = new StringBuilder("""
            # Metrics

            What a server says at `/metrics`, beside the metrics of Orleans (`orleans_…`), of ASP.NET Core (`http_server_…`, `kestrel_…`) and of .NET (`dotnet_…`). Generated from
            `Catalogue.cs`; a test keeps both equal.

            A job's series come from the server that has its grain; they move with it, and go a minute after the job has ended. A histogram has the series `…_bucket`, `…_sum` and `…_count`.

            | series | kind | labels | what it says |
            | --- | --- | --- | --- |

            """.ReplaceLineEndings("\n"));
        foreach (var metric in All)
        {
            var labels = metric.Labels.Count == 0 ? "" : string.Join(", ", metric.Labels.Select(label => $"`{label}`"));
            var bounds = metric.Bounds is null ? "" : $" Buckets up to {string.Join(", ", metric.Bounds.Select(bound => bound.ToString(CultureInfo.InvariantCulture)))}.";
            page.Append(CultureInfo.InvariantCulture, $"| `{metric.Series}` | {metric.Kind.ToString().ToLowerInvariant()} | {labels} | {metric.Description.Replace("|", "\\|", StringComparison.Ordinal)}{bounds} |\n");
        }
        page.Append("\nValues of `state`: ").AppendJoin(", ", WorkerSeconds.None.ByState().Select(state => $"`{state.Key}`")).Append(".\n");
        return page.ToString();
    }

    static Metric Gauge(string name, string unit, string description, params string[] labels) => new("orchestrator." + name, MetricKind.Gauge, unit, description, labels);

    static Metric Counter(string name, string unit, string description, params string[] labels) => new("orchestrator." + name, MetricKind.Counter, unit, description, labels);

    static Metric Histogram(string name, string unit, string description, double[] bounds, params string[] labels)
        => new("orchestrator." + name, MetricKind.Histogram, unit, description, labels, bounds);
}
