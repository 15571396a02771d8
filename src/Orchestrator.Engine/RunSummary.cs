using System.Text.Json;
using System.Text.Json.Serialization;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine;

/// <summary><c>run.json</c>: what a run was, and how it went. What the result is a function of stands apart from what differs from run to run.</summary>
public sealed record RunSummary
{
    /// <summary>The job's name.</summary>
    public required string Job { get; init; }

    /// <summary><c>running</c>, <c>completed</c>, <c>interrupted</c>, <c>cancelled</c> or <c>failed</c>.</summary>
    public required string State { get; init; }

    /// <summary>Why.</summary>
    public required string Reason { get; init; }

    /// <summary>SHA-256 of <c>adapter.safetensors</c>; empty before the end.</summary>
    public required string AdapterSha256 { get; init; }

    /// <summary>The last committed step.</summary>
    public required long Step { get; init; }

    /// <summary>The number of steps.</summary>
    public required long Steps { get; init; }

    /// <summary>Mean training loss of the last step.</summary>
    public required double? Loss { get; init; }

    /// <summary>Trained numbers.</summary>
    public required int Parameters { get; init; }

    /// <summary>Records that were trained on, and held out.</summary>
    public required int TrainingRecords { get; init; }

    /// <summary>Records that were held out.</summary>
    public required int ValidationRecords { get; init; }

    /// <summary>Kind of device within which the bits are promised.</summary>
    public required string Kind { get; init; }

    /// <summary>Workers at the end.</summary>
    public required int Workers { get; init; }

    /// <summary>Seconds of this run, from its first step on.</summary>
    public required double Seconds { get; init; }

    /// <summary>Tokens of the records per second, over this run.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>Supervised tokens per second, over this run.</summary>
    public required double SupervisedTokensPerSecond { get; init; }

    /// <summary>Worker-seconds of the whole job, by what they went into; they add up to the time that workers were the job's.</summary>
    public WorkerSeconds? WorkerSeconds { get; init; }

    /// <summary>Share of the worker-seconds that computed what is in the result, 0 to 1.</summary>
    public double? Goodput { get; init; }

    /// <summary>What a worker's kernels held for activations and their gradients at most, in bytes; null where they keep none from step to step.</summary>
    public long? ActivationBytes { get; init; }

    /// <summary>Highest resident size of the process, in bytes.</summary>
    public required long PeakResidentBytes { get; init; }

    /// <summary>Digests of what the result is a function of.</summary>
    public required JobDigests Digests { get; init; }

    /// <summary>Evaluations, by step; the first is that of the start.</summary>
    public required IReadOnlyList<EvaluationResult> Evaluations { get; init; }

    /// <summary>The spec.</summary>
    public required JobSpec Spec { get; init; }

    static readonly JsonSerializerOptions options = new(CanonicalJson.Options)
    {
        WriteIndented = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>Writes the file.</summary>
    public void Write(RunFolder run)
    {
        ArgumentNullException.ThrowIfNull(run);
        AtomicFile.Write(run.Summary, stream => JsonSerializer.Serialize(stream, this, options));
    }

    /// <summary>Reads a run's file.</summary>
    /// <exception cref="ProblemException">it is missing or damaged</exception>
    public static RunSummary Read(RunFolder run)
    {
        ArgumentNullException.ThrowIfNull(run);
        try
        {
            return JsonSerializer.Deserialize<RunSummary>(File.ReadAllBytes(run.Summary), options) ?? throw new JsonException("null");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new ProblemException(run.Summary, e.Message, "the summary of a run", "name the folder that train wrote");
        }
    }
}
