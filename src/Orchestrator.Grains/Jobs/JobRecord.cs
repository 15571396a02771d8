using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Jobs;

/// <summary>What is stored of a job: one record, written as a whole before any order that follows from it goes out.</summary>
public sealed class JobRecord
{
    /// <summary>Version of this record; an older one is brought up to date when it is read.</summary>
    public int SchemaVersion { get; set; } = 1;

    /// <summary>What was submitted.</summary>
    public JobAssignment? Job { get; set; }

    /// <summary>The coordinator's state.</summary>
    public JobState State { get; set; } = new();

    /// <summary>Evaluations so far, by step.</summary>
    public List<EvaluationResult> Evaluations { get; set; } = [];

    /// <summary>Where its workers' time went.</summary>
    public StoredAccounts Accounts { get; set; } = new();
}
