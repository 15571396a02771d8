using Orchestrator.Collectives;
using Orchestrator.Engine.Checkpoints;
using Orchestrator.Engine.Resident;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Files;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Order;
using ReplicaState = Orchestrator.Learning.Training.ReplicaState;

namespace Orchestrator.Engine;

/// <summary>
/// A job in this process: what its workers share. The base and the records are loaded by the first worker that needs them; the state that others copy is kept while a
/// generation begins.
/// </summary>
sealed class JobPresence : IDisposable
{
    static readonly TimeSpan serveWait = TimeSpan.FromSeconds(30);

    readonly ResidentBases bases;
    readonly EngineOptions options;
    readonly Lazy<JobSpec> located;      // the spec with this process's paths
    readonly Lazy<TrainingData> data;
    readonly Lazy<IAdapter> method;
    readonly Lazy<StartAdapter> start;
    readonly Lazy<CheckpointWriter> writer;
    readonly Lock gate = new();
    readonly Dictionary<string, BaseLease> leases = [];
    readonly StateShelf shelf;

    public JobPresence(JobAssignment job, EngineOptions options, ResidentBases bases, IGradientExchange exchange, StateShelf shelf, EngineLog log)
    {
        (Job, this.options, this.bases, this.shelf, Log) = (job, options, bases, shelf, log);
        Run = new RunFolder(job.Folder);
        InHand = new WorkInHand(Plan.MicroBatches);
        Audits = AuditRule.Of(Plan);
        Reduction = new LocalReduction(job.Name, options.Process, Plan.MicroBatches, Plan.Parameters, exchange, Audits.IsOn);
        located = new Lazy<JobSpec>(() => new LocalFiles(options).Locate(Plan.Spec));
        data = new Lazy<TrainingData>(OpenData);
        method = new Lazy<IAdapter>(() => Methods.Of(Plan.Spec.Adapter, ConfigOfBase()));
        start = new Lazy<StartAdapter>(() => located.Value.Adapter.Init is { } init ? StartAdapter.Read(init, method.Value, ConfigOfBase().Heads) : StartAdapter.None);
        writer = new Lazy<CheckpointWriter>(() => new CheckpointWriter(Run, Plan, method.Value, start.Value) { Metrics = Metrics });
    }

    /// <summary>Done when the presence before this one has let go of its files, streams and states.</summary>
    public Task After { get; init; } = Task.CompletedTask;

    public Metrics? Metrics { get; init; }

    public JobAssignment Job { get; }

    public JobPlan Plan => Job.Plan;

    public RunFolder Run { get; }

    public LocalReduction Reduction { get; }

    public WorkInHand InHand { get; }

    public AuditRule Audits { get; }

    /// <summary>What is done to a micro-batch that a worker has computed, for drills; null outside of them.</summary>
    public Action<WorkerId, Step, PartialSum>? Drill { get; init; }

    public EngineLog Log { get; }

    public ISampleSizes Sizes => data.Value;

    /// <summary>A replica at the start, on the device of a slot; the calling thread becomes the worker's.</summary>
    public Replica NewReplica(int slot)
    {
        DeterministicTorch.EnterWorkerThread(Plan.Spec.Device.Threads);
        var weights = BaseOn(ComputeDevice.NameOf(Plan.Spec, slot)).Weights;
        _ = data.Value;
        var kernels = ComputeDevice.KernelsOf(Plan.Spec, method.Value);
        if (kernels == KernelKind.Fast)
            SpareMemory.ReturnLargeBlocks();
        var replica = new Replica(weights, method.Value, Plan.Spec.Training, kernels, Plan.Spec.Device.Threads);
        if (replica.Layout.Count != Plan.Parameters)
            throw new ProblemException(Plan.Spec.Model.Path, $"a base with {replica.Layout.Count} trained numbers", $"{Plan.Parameters}, as planned", "the base differs from the one the job was planned with");
        start.Value.Begin(replica);
        SpareMemory.GiveBack();
        return replica;
    }

    /// <summary>Tokens of the samples.</summary>
    public long TokensOf(ReadOnlySpan<int> samples)
    {
        var tokens = 0L;
        foreach (var sample in samples)
            tokens += data.Value.Length(sample);
        return tokens;
    }

    public MicroBatch Pack(BatchPacker packer, ReadOnlySpan<int> samples) => data.Value.Pack(packer, samples);

    /// <summary>Keeps a copy of the replica's state for those who begin the generation without it.</summary>
    public void Serve(Generation generation, Step step, Replica replica, IEnumerable<StepReport> unwritten)
    {
        var state = new ReplicaState(replica.Layout.Count);
        replica.Export(state);
        shelf.Put(Job.Name, generation, step, state, [.. unwritten]);
    }

    /// <summary>Brings the state of a generation's base step into the replica.</summary>
    /// <returns>the ledger's lines that whoever had the state still keeps</returns>
    public IReadOnlyList<StepReport> Obtain(Turn.Obtain what, Generation generation, Replica replica, int slot, CancellationToken stop)
    {
        switch (what.Source)
        {
            case StateSource.Checkpoint { Step: var step } when step == Step.Start:
                if (replica.Step != Step.Start)
                    Restart(replica, slot);
                return [];
            case StateSource.Checkpoint { Step: var step }:
                replica.Import(CheckpointReader.Read(Run, Plan, step, method.Value));
                return [];
            case StateSource.Copy { From: var from } when from.Process == options.Process:
                return Take(shelf.Get(Job.Name, generation, what.Step, serveWait, stop), replica);
            case StateSource.Copy { From: var from }:
                return Take(shelf.Fetch(from, Job.Name, generation, what.Step, Plan.Parameters, stop), replica);
            default:
                throw new BrokenInvariantException(2, $"{what.Source} is no source of a state that is not there");
        }
    }

    static IReadOnlyList<StepReport> Take((ReplicaState State, IReadOnlyList<StepReport> Unwritten) copy, Replica replica)
    {
        replica.Import(copy.State);
        return copy.Unwritten;
    }

    void Restart(Replica replica, int slot)
    {
        using var fresh = NewReplica(slot);
        var state = new ReplicaState(fresh.Layout.Count);
        fresh.Export(state);
        replica.Import(state);
    }

    /// <summary>Queues the replica's state to be written as the checkpoint of its step.</summary>
    public void Write(Replica replica, Generation generation, Action<JobEvent> tell) => writer.Value.Write(replica, generation, tell);

    /// <summary>A worker has left: its reports are complete when the job was told of the last checkpoint that it had queued.</summary>
    public void CompleteAfterWrites(IJobReports reports)
    {
        if (writer.IsValueCreated)
            writer.Value.Then(reports.Complete);
        else
            reports.Complete();
    }

    /// <summary>tanh of the gates, [layer][gate], at the steps that are sampled; else null.</summary>
    public float[][]? Gates(Replica replica, Step step)
    {
        var every = Math.Max(1, Plan.Last.Number / options.GateSamples);
        if (step != Plan.Last && step.Number % every != 0)
            return null;
        var gates = new List<float[]>();
        for (var i = 0; i < replica.Layout.Parameters; i++)
        {
            if (replica.Layout[i].Name.EndsWith(".attention.gate", StringComparison.Ordinal))
                gates.Add([.. replica.Parameters.Slice(replica.Layout.Offset(i), replica.Layout.Length(i)).ToArray().Select(MathF.Tanh)]);
        }
        return gates.Count > 0 ? [.. gates] : null;
    }

    TrainingData OpenData()
    {
        using var folder = ModelFolder.Open(located.Value.Model.Path);
        var opened = TrainingData.Open(located.Value, JobPreparation.TokenizerOf(located.Value, folder), folder.Config, options.CacheFolder);
        if (opened.Records.Digest != Plan.Digests.Data)
            throw new ProblemException(Plan.Spec.Data.Path, $"records with digest {opened.Records.Digest}", $"{Plan.Digests.Data}, as planned", "the records changed since the job was submitted");
        return opened;
    }

    Learning.Llama.LlamaConfig ConfigOfBase()
    {
        lock (gate)
        {
            if (leases.Count > 0)
                return leases.Values.First().Weights.Config;
        }
        using var folder = ModelFolder.Open(located.Value.Model.Path);
        return folder.Config;
    }

    // Another server may have another model under the same path. Here its digest was taken before, as a rule: the cache knows it.
    string CheckedBase()
    {
        using var folder = ModelFolder.Open(located.Value.Model.Path);
        var digest = folder.Digest(options.CacheFolder);
        return digest == Plan.Digests.Base ? located.Value.Model.Path
            : throw new ProblemException(located.Value.Model.Path, $"a base with digest {digest}", $"{Plan.Digests.Base}, as planned", "every server needs the same model");
    }

    BaseLease BaseOn(string device)
    {
        lock (gate)
        {
            if (!leases.TryGetValue(device, out var lease))
                leases.Add(device, lease = bases.Acquire(CheckedBase(), ComputeDevice.PrecisionOf(Plan.Spec), device));
            return lease;
        }
    }

    /// <summary>Forgets the job; its workers have left.</summary>
    public void Dispose()
    {
        Reduction.Dispose();
        shelf.Clear(Job.Name);
        if (writer.IsValueCreated)
            writer.Value.Dispose();
        if (data.IsValueCreated)
            data.Value.Dispose();
        foreach (var lease in leases.Values)
            lease.Dispose();
    }
}
