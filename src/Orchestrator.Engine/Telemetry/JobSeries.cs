using System.Diagnostics.Metrics;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine.Telemetry;

/// <summary>A job's metrics: set by whoever carries the job, read by whoever looks. They go when this is disposed.</summary>
public sealed class JobSeries : IDisposable
{
    // A job has no more layers than this worth a line each: beyond it every second one is told, and so on.
    const int GatesMax = 40;

    static readonly string[] phases = [.. Enum.GetNames<JobPhase>().Select(name => name.ToLowerInvariant())];

    readonly KeyValuePair<string, object?> job;
    readonly Meter meter;
    readonly Histogram<double> stepDuration;
    readonly Histogram<double> recoveryDuration;
    readonly Dictionary<string, long> generations = [];
    readonly Lock gate = new();
    readonly Action<JobSeries> ended;
    (string Layer, double Gate)[] gates = [];
    (string Name, WorkerState State)[] workers = [];
    WorkerSeconds seconds = WorkerSeconds.None;
    double goodput = double.NaN;

    internal JobSeries(string job, Action<JobSeries> ended)
    {
        this.job = new(Catalogue.Job, job);
        this.ended = ended;
        meter = new Meter(new MeterOptions(Metrics.JobMeterName) { Tags = [this.job] });      // by its tags it is another than that of the next job
        stepDuration = Metrics.Histogram(meter, Catalogue.StepDuration);
        recoveryDuration = Metrics.Histogram(meter, Catalogue.RecoveryDuration);
        foreach (var (metric, read) in observed)
            Metrics.Observe(meter, metric, () => read(this));
    }

    static readonly (Metric Metric, Func<JobSeries, IEnumerable<Measurement<double>>> Read)[] observed =
    [
        (Catalogue.Phase, it => [it.Of(1, "phase", phases[(int)it.Phase])]),
        (Catalogue.Step, it => [it.Of(it.Step)]),
        (Catalogue.LastStep, it => [it.Of(it.LastStep)]),
        (Catalogue.Steps, it => [it.Of(it.Steps)]),
        (Catalogue.Loss, it => it.Some(it.Loss)),
        (Catalogue.ValidationLoss, it => it.Some(it.ValidationLoss)),
        (Catalogue.LearningRate, it => it.Some(it.LearningRate)),
        (Catalogue.GradientNorm, it => it.Some(it.GradientNorm)),
        (Catalogue.Gate, it => Volatile.Read(ref it.gates).Select(gate => it.Of(gate.Gate, "layer", gate.Layer))),
        (Catalogue.Tokens, it => [it.Of(it.Tokens, "kind", "all"), it.Of(it.SupervisedTokens, "kind", "supervised")]),
        (Catalogue.Examples, it => [it.Of(it.Examples)]),
        (Catalogue.WorkersWanted, it => [it.Of(it.WorkersWanted)]),
        (Catalogue.WorkersPresent, it => [it.Of(it.WorkersPresent)]),
        (Catalogue.Generation, it => [it.Of(it.Generation)]),
        (Catalogue.Generations, it => it.ReadGenerations()),
        (Catalogue.WorkerTime, it => Volatile.Read(ref it.seconds).ByState().Select(state => it.Of(state.Value, "state", state.Key))),
        (Catalogue.Worker, it => Volatile.Read(ref it.workers).Select(worker => it.Of((int)worker.State, "worker", worker.Name))),
        (Catalogue.Goodput, it => double.IsNaN(it.goodput) ? [] : [it.Of(it.goodput)]),
        (Catalogue.MicroBatchesDealtAgain, it => [it.Of(it.MicroBatchesDealtAgain)]),
        (Catalogue.Quarantined, it => [it.Of(it.Quarantined)]),
        (Catalogue.Checkpoints, it => [it.Of(it.CheckpointsWritten, "result", "written"), it.Of(it.CheckpointsFailed, "result", "failed")]),
        (Catalogue.CheckpointStep, it => [it.Of(it.CheckpointStep)]),
        (Catalogue.CheckpointSize, it => it.Some(it.CheckpointBytes)),
    ];

    internal JobPhase Phase { get; set; }

    internal long Step { get; set; }

    internal long LastStep { get; set; }

    internal long Steps { get; private set; }

    internal double? Loss { get; private set; }

    internal double? ValidationLoss { get; set; }

    internal double? LearningRate { get; private set; }

    internal double? GradientNorm { get; private set; }

    internal long Tokens { get; private set; }

    internal long SupervisedTokens { get; private set; }

    internal long Examples { get; private set; }

    internal int WorkersWanted { get; set; }

    internal int WorkersPresent { get; set; }

    internal long Generation { get; set; }

    internal long MicroBatchesDealtAgain { get; set; }

    internal int Quarantined { get; set; }

    internal long CheckpointsWritten { get; set; }

    internal long CheckpointsFailed { get; set; }

    internal long CheckpointStep { get; set; }

    internal double? CheckpointBytes { get; set; }

    internal void StepCommitted(StepReport step)
    {
        var line = step.Line;
        Step = Math.Max(Step, line.Step);
        (Loss, LearningRate, GradientNorm) = (line.Loss, line.LearningRate, line.GradientNorm);
        Steps++;
        Tokens += line.Tokens;
        SupervisedTokens += line.Supervised;
        Examples += line.Samples.Count;
        stepDuration.Record(step.StepSeconds, job, new("part", "step"));
        stepDuration.Record(step.ComputeSeconds, job, new("part", "compute"));
        stepDuration.Record(step.ReduceSeconds, job, new("part", "reduce"));
        if (step.Gates is { Length: > 0 } layers)
        {
            var every = (layers.Length + GatesMax - 1) / GatesMax;
            Volatile.Write(ref gates, [.. layers.Index().Where(layer => layer.Index % every == 0).Select(layer =>
                (layer.Index.ToString("D2", System.Globalization.CultureInfo.InvariantCulture), layer.Item.Select(gate => Math.Abs((double)gate)).DefaultIfEmpty().Average()))]);
        }
    }

    internal void Diverged(double loss) => Loss = loss;

    internal void Accounted(WorkerSeconds told, double? share, IEnumerable<WorkerTold> present)
    {
        Volatile.Write(ref workers, [.. present.Select(worker => (worker.Worker.ToString(), worker.Now)).DistinctBy(worker => worker.Item1)]);
        Volatile.Write(ref seconds, told);
        goodput = share ?? double.NaN;
    }

    internal void GenerationBegan(string cause)
    {
        lock (gate)
            generations[cause] = generations.GetValueOrDefault(cause) + 1;
    }

    internal void Recovered(string cause, TimeSpan took) => recoveryDuration.Record(took.TotalSeconds, job, new("cause", cause));

    IEnumerable<Measurement<double>> ReadGenerations()
    {
        lock (gate)
            return [.. generations.Select(it => Of(it.Value, "cause", it.Key))];
    }

    Measurement<double> Of(double value) => new(value, job);

    Measurement<double> Of(double value, string label, string name) => new(value, job, new KeyValuePair<string, object?>(label, name));

    IEnumerable<Measurement<double>> Some(double? value) => value is { } number ? [Of(number)] : [];

    internal void End() => meter.Dispose();

    /// <summary>Ends the series.</summary>
    public void Dispose()
    {
        ended(this);
        End();
    }
}
