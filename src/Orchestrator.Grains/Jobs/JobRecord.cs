using Orchestrator.Engine;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Grains.Jobs;

/// <summary>What is stored of a job: one record, written as a whole before any order that follows from it goes out.</summary>
public sealed record JobRecord
{
    /// <summary>Version of this record; an older one is brought up to date when it is read.</summary>
    public int SchemaVersion { get; init; } = 1;

    /// <summary>The namespace that it was submitted to; null outside of a cluster.</summary>
    public string? Space { get; init; }

    /// <summary>What was submitted to a cluster; null outside of one.</summary>
    public JobSpec? Spec { get; init; }

    /// <summary>What is computed; null until it is prepared.</summary>
    public JobAssignment? Job { get; init; }

    /// <summary>What its user may not have meant.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The coordinator's state.</summary>
    public JobState State { get; init; } = new();

    /// <summary>Evaluations so far, by step.</summary>
    public IReadOnlyList<EvaluationResult> Evaluations { get; init; } = [];

    /// <summary>SHA-256 of the adapter; empty until it is completed.</summary>
    public string AdapterSha256 { get; init; } = "";

    /// <summary>Where its workers' time went.</summary>
    public StoredAccounts Accounts { get; init; } = new();
}
