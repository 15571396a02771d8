using System.Text.Json;
using Orchestrator.Grains.Jobs;

namespace Orchestrator.Operator.Resources;

/// <summary>What a <c>TrainingJob</c> says of its job; the definition in the chart explains each member.</summary>
public sealed record TrainingJobStatus
{
    /// <summary>The generation that this is about.</summary>
    public long ObservedGeneration { get; init; }

    /// <summary>Where the job is; null while there is none.</summary>
    public string? Phase { get; init; }

    /// <summary>Why, for a person.</summary>
    public string? Reason { get; init; }

    /// <summary>Its place in the queue, from 1, while it waits.</summary>
    public int? Position { get; init; }

    /// <summary>The highest committed step.</summary>
    public long? Step { get; init; }

    /// <summary>The last step.</summary>
    public long? Steps { get; init; }

    /// <summary>Both of them, for people.</summary>
    public string? Progress { get; init; }

    /// <summary>Mean training loss of the last step.</summary>
    public double? Loss { get; init; }

    /// <summary>Loss of the held-out records.</summary>
    public double? ValidationLoss { get; init; }

    /// <summary>Tokens in a second, all workers together.</summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>Share of the worker-seconds that computed what is in the result, 0 to 1.</summary>
    public double? Goodput { get; init; }

    /// <summary>Workers that compute.</summary>
    public int Workers { get; init; }

    /// <summary>Workers that were asked for, here or by another way.</summary>
    public int? WorkersWanted { get; init; }

    /// <summary>Selects the pods of workers.</summary>
    public string? Selector { get; init; }

    /// <summary>When it will be done.</summary>
    public DateTimeOffset? Eta { get; init; }

    /// <summary>The time until then, for people.</summary>
    public string? Remaining { get; init; }

    /// <summary>Kind of device.</summary>
    public string? Kind { get; init; }

    /// <summary>Step of the newest checkpoint.</summary>
    public long? Checkpoint { get; init; }

    /// <summary>SHA-256 of the adapter.</summary>
    public string? Digest { get; init; }

    /// <summary>SHA-256 of the job's spec.</summary>
    public string? SpecDigest { get; init; }

    /// <summary>When the job was taken in.</summary>
    public DateTimeOffset? Submitted { get; init; }

    /// <summary>When it got its first workers.</summary>
    public DateTimeOffset? Started { get; init; }

    /// <summary>When it was over.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>Accepted, Running, Suspended, Complete and Failed.</summary>
    public IReadOnlyList<Condition> Conditions { get; init; } = [];

    /// <summary>The condition of a type.</summary>
    public Condition? this[string type] => Conditions.FirstOrDefault(condition => condition.Type == type);

    /// <summary>The same without what moves with every step: two that are alike in this say the same to whoever is not looking at the progress.</summary>
    internal TrainingJobStatus WithoutProgress() => this with
    {
        Step = null,
        Progress = null,
        Loss = null,
        TokensPerSecond = null,
        Goodput = null,
        Eta = null,
        Remaining = null,
        Reason = Phase == nameof(JobStage.Running) ? null : Reason,
    };

    /// <summary>Whether both are written alike.</summary>
    internal bool Says(TrainingJobStatus? what) => what is not null && JsonSerializer.Serialize(this, TrainingJob.Json) == JsonSerializer.Serialize(what, TrainingJob.Json);
}

/// <summary>Something that holds of a resource or does not, as <c>kubectl wait</c> asks for it.</summary>
/// <param name="Type">which</param>
/// <param name="Status">True, False or Unknown</param>
/// <param name="Reason">why, in a word</param>
/// <param name="Message">why, for a person</param>
/// <param name="LastTransitionTime">since when</param>
/// <param name="ObservedGeneration">the generation that this is about</param>
public sealed record Condition(string Type, string Status, string Reason, string Message, DateTimeOffset LastTransitionTime, long ObservedGeneration)
{
    /// <summary>Whether it holds.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public bool Holds => Status == "True";
}
