using System.Globalization;
using System.Text.Json;
using Orchestrator.Api.V1;

namespace Orchestrator.Cli.Cluster;

/// <summary>
/// A job as programs read it. <c>state</c> is <c>queued</c>, <c>preparing</c>, <c>running</c>, <c>suspended</c>, <c>completed</c>, <c>failed</c> or <c>cancelled</c>; <c>steps</c> is 0 until it is
/// prepared; <c>server</c> is the one that decides for it now; <c>goodput</c> is the share of its worker-seconds that computed what is in the result; <c>digest</c> is the SHA-256 of its adapter, once it is completed.
/// </summary>
sealed record JobJson(
    string Namespace, string Name, string State, string Reason, int Position, long Step, long Steps, int WorkersWanted, int Workers, long Generation, double? Loss, double? ValidationLoss,
    double? Goodput, double TokensPerSecond, double? RemainingSeconds, string Kind, long Checkpoint, string? Digest, string SpecDigest, DateTimeOffset? Submitted, DateTimeOffset? Started,
    DateTimeOffset? Ended, IReadOnlyDictionary<string, double> WorkerSeconds, string? Server, JsonElement? Spec)
{
    /// <summary>Of the API's job.</summary>
    public static JobJson Of(Job job) => new(
        job.Namespace, job.Name, JobText.State(job.Phase), job.Reason, job.Position, job.Step, job.Steps, job.WorkersWanted, job.Workers, job.Generation, job.HasLoss ? job.Loss : null,
        job.HasValidationLoss ? job.ValidationLoss : null, job.HasGoodput ? job.Goodput : null, job.TokensPerSecond, job.Remaining?.ToTimeSpan().TotalSeconds, job.Kind, job.Checkpoint,
        job.AdapterSha256.Length > 0 ? job.AdapterSha256 : null, job.SpecDigest, job.Submitted?.ToDateTimeOffset(), job.Started?.ToDateTimeOffset(), job.Ended?.ToDateTimeOffset(),
        job.WorkerSeconds.ToDictionary(), job.Server.Length > 0 ? job.Server : null, job.Spec.Length > 0 ? JsonDocument.Parse(job.Spec).RootElement : null);
}

/// <summary>A job, and what happens to it, as people read it.</summary>
static class JobText
{
    /// <summary>A phase as a word.</summary>
    public static string State(Phase phase) => phase.ToString().ToLowerInvariant();

    /// <summary>Whether nothing happens to a job in it any more.</summary>
    public static bool IsOver(Phase phase) => phase is Phase.Completed or Phase.Failed or Phase.Cancelled;

    /// <summary>The exit code of whoever waited for its end.</summary>
    public static int ExitCode(Phase phase) => phase == Phase.Completed ? ExitCodes.Done : ExitCodes.Failed;

    /// <summary><c>alpaca: running, step 412 of 1000, 4 of 5 workers: a worker of gpu-3 loads the base</c></summary>
    public static string Line(Job job)
        => $"{job.Name}: {State(job.Phase)}{Steps(job)}{(IsOver(job.Phase) ? "" : $", {job.Workers} of {job.WorkersWanted} {(job.WorkersWanted == 1 ? "worker" : "workers")}")}{Because(job.Reason)}";

    static string Steps(Job job) => job.Steps > 0 ? $", step {job.Step} of {job.Steps}" : "";

    static string Because(string reason) => reason.Length > 0 ? $": {reason}" : "";

    /// <summary>Headings of <see cref="Row"/>.</summary>
    public static string[] Columns { get; } = ["name", "state", "step#", "of#", "workers#", "wanted#", "loss#", "age#", "reason"];

    /// <summary>A job as a row of a table.</summary>
    public static string[] Row(Job job, bool withNamespace, DateTimeOffset now) =>
    [
        withNamespace ? $"{job.Namespace}/{job.Name}" : job.Name, State(job.Phase), $"{job.Step}", job.Steps > 0 ? $"{job.Steps}" : "", $"{job.Workers}", $"{job.WorkersWanted}",
        job.HasLoss ? Number(job.Loss) : "", job.Submitted is { } submitted ? RemainingTime.Of(now - submitted.ToDateTimeOffset()) : "", job.Reason,
    ];

    /// <summary>All of it, as names and values.</summary>
    public static IEnumerable<(string, string)> Facts(Job job)
    {
        yield return ("state", State(job.Phase));
        if (job.Reason.Length > 0)
            yield return ("reason", job.Reason);
        if (job.Position > 0)
            yield return ("place in the queue", $"{job.Position}");
        yield return ("workers", $"{job.Workers} of {job.WorkersWanted}{(job.Generation > 0 ? $", generation {job.Generation}" : "")}");
        if (job.Steps > 0)
            yield return ("step", $"{job.Step} of {job.Steps}{(job.Checkpoint > 0 ? $", checkpoint {job.Checkpoint}" : "")}");
        if (job.HasLoss)
            yield return ("loss", Number(job.Loss) + (job.HasValidationLoss ? $", held out {Number(job.ValidationLoss)}" : ""));
        if (job.TokensPerSecond > 0)
            yield return ("speed", string.Create(CultureInfo.InvariantCulture, $"{job.TokensPerSecond:N0} tokens/s{(job.Remaining is { } left ? $", {RemainingTime.Of(left.ToTimeSpan())} left" : "")}"));
        if (job.HasGoodput)
            yield return ("goodput", string.Create(CultureInfo.InvariantCulture, $"{job.Goodput * 100:0.0} %"));
        if (job.WorkerSeconds.Count > 0)
            yield return ("worker-seconds", string.Join(", ", job.WorkerSeconds.OrderByDescending(one => one.Value).Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Key} {one.Value:0.0}"))));
        if (job.Server.Length > 0)
            yield return ("decided on", job.Server);
        if (job.Kind.Length > 0)
            yield return ("kind", job.Kind);
        if (job.AdapterSha256.Length > 0)
            yield return ("sha-256", job.AdapterSha256);
        foreach (var (what, at) in new[] { ("submitted", job.Submitted), ("started", job.Started), ("ended", job.Ended) })
            if (at is not null)
                yield return (what, at.ToDateTimeOffset().ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture));
    }

    /// <summary>What happened, on a line.</summary>
    public static string Line(Event what) => what.WhatCase switch
    {
        Event.WhatOneofCase.Changed => $"{State(what.Changed.Phase)}{(what.Changed.Generation > 0 ? $", generation {what.Changed.Generation} of {what.Changed.Workers}" : "")}{Because(what.Changed.Reason)}",
        Event.WhatOneofCase.Stepped when what.Stepped is var step => string.Create(CultureInfo.InvariantCulture,
            $"step {step.Step} of {step.Steps}  loss {step.Loss:0.0000}  lr {step.LearningRate:0.0e-0}  {(step.Seconds > 0 ? step.Tokens / step.Seconds : 0):N0} tokens/s  {step.Workers} {(step.Workers == 1 ? "worker" : "workers")}"),
        Event.WhatOneofCase.Evaluated when what.Evaluated is var done => string.Create(CultureInfo.InvariantCulture,
            $"step {done.Step}  held out {done.Loss:0.0000}  perplexity {done.Perplexity:0.00}{(done.Asked > 0 ? $"  {done.Exact} of {done.Asked} answers exact" : "")}"),
        Event.WhatOneofCase.Checkpointed => $"step {what.Checkpointed.Step}  checkpoint written",
        _ => "",
    };

    static string Number(double number) => number.ToString("0.0000", CultureInfo.InvariantCulture);
}
