using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Grains.Jobs;
using Orchestrator.Operator.Resources;

namespace Orchestrator.Operator.Reconciling;

/// <summary>What a resource says of its job, and what is told of a change of it.</summary>
public static class Statuses
{
    /// <summary>The condition that the job was taken in.</summary>
    public const string Accepted = "Accepted";

    const int NoteCharactersMax = 1000;

    /// <summary>Of a job.</summary>
    public static TrainingJobStatus Of(TrainingJob resource, JobView job, string? selector, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(resource);
        ArgumentNullException.ThrowIfNull(job);
        var (entry, told) = (job.Entry, job.Now);
        var (stage, reason) = entry.At(told);
        var isPrepared = told is { Last.Number: > 0 };
        var status = new TrainingJobStatus
        {
            ObservedGeneration = resource.Metadata.Generation,
            Phase = stage.ToString(),
            Reason = reason.Length > 0 ? reason : null,
            Position = entry.Position > 0 && !job.IsOver ? entry.Position : null,
            Step = isPrepared ? told!.Step.Number : null,
            Steps = isPrepared ? told!.Last.Number : null,
            Progress = isPrepared ? $"{told!.Step.Number}/{told.Last.Number}" : null,
            Loss = Finite(told?.Loss),
            ValidationLoss = Finite(told?.ValidationLoss),
            TokensPerSecond = stage == JobStage.Running && told is { TokensPerSecond: > 0 } ? Math.Round(told.TokensPerSecond, 1) : null,
            Goodput = told?.WorkerSeconds?.Goodput is { } goodput ? Math.Round(goodput, 4) : null,
            Workers = job.IsOver ? 0 : told?.Members.Count ?? 0,
            WorkersWanted = entry.WorkersWanted,
            Selector = selector,
            Eta = stage == JobStage.Running && told?.Remaining is { } left ? Whole(now + left) : null,
            Remaining = stage == JobStage.Running && told?.Remaining is { } remaining ? Text(remaining) : null,
            Kind = told is { Kind.Length: > 0 } ? told.Kind : null,
            Checkpoint = told is { Checkpoint.Number: > 0 } ? told.Checkpoint.Number : null,
            Digest = told is { AdapterSha256.Length: > 0 } ? told.AdapterSha256 : null,
            SpecDigest = entry.SpecDigest,
            Submitted = Whole(entry.Submitted),
            Started = Whole(entry.Started),
            Ended = job.IsOver ? Whole(entry.Ended ?? resource.Status?.Ended ?? now) : null,
        };
        var word = stage.ToString();
        return status with
        {
            Conditions =
            [
                Say(Accepted, holds: true, "Submitted", "the queue has it"),
                Say("Running", stage == JobStage.Running, word, reason),
                Say("Suspended", stage == JobStage.Suspended, word, reason),
                Say("Complete", stage == JobStage.Completed, word, reason),
                Say("Failed", stage is JobStage.Failed or JobStage.Cancelled, word, reason),
            ],
        };

        // What moves with every step is no reason to write a condition anew; and a message that is empty is refused by an API server of 1.20.
        Condition Say(string type, bool holds, string why, string message) => Since(resource, type, holds, why, stage == JobStage.Running ? "its workers train" : message.Length > 0 ? message : word, now);
    }

    /// <summary>Of a resource that no job can be made of.</summary>
    public static TrainingJobStatus Refused(TrainingJob resource, string reason, string message, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(resource);
        return new TrainingJobStatus { ObservedGeneration = resource.Metadata.Generation, Reason = message, Conditions = [Since(resource, Accepted, holds: false, reason, message, now)] };
    }

    static Condition Since(TrainingJob resource, string type, bool holds, string reason, string message, DateTimeOffset now)
    {
        var status = holds ? "True" : "False";
        var before = resource.Status?[type];
        return new Condition(type, status, reason, message, before?.Status == status ? before.LastTransitionTime : Whole(now), resource.Metadata.Generation);
    }

    /// <summary>The change from one status to another: a merge patch that holds only for this version of the resource.</summary>
    public static JsonObject Patch(TrainingJob resource, TrainingJobStatus next)
    {
        ArgumentNullException.ThrowIfNull(resource);
        var status = JsonSerializer.SerializeToNode(next, TrainingJob.Json)!.AsObject();
        var before = resource.Status is null ? [] : JsonSerializer.SerializeToNode(resource.Status, TrainingJob.Json)!.AsObject();
        foreach (var (gone, _) in before.Where(member => !status.ContainsKey(member.Key)).ToList())
            status[gone] = null;
        return new JsonObject { ["metadata"] = new JsonObject { ["resourceVersion"] = resource.Metadata.ResourceVersion }, ["status"] = status };
    }

    /// <summary>What is to be told of a change: the phase, the number of workers, a refusal. Named by the version that it changes, so that it is told once however often it is tried.</summary>
    public static IEnumerable<Notice> News(TrainingJob resource, TrainingJobStatus next)
    {
        ArgumentNullException.ThrowIfNull(resource);
        ArgumentNullException.ThrowIfNull(next);
        var before = resource.Status;
        if (next[Accepted] is { Holds: false } refused && before?[Accepted]?.Message != refused.Message)
            yield return Told(refused.Reason, refused.Message, isWarning: true);
        if (next.Phase is { } phase && phase != before?.Phase)
            yield return Told(phase, next.Digest is { } digest ? $"{next.Reason}; adapter {digest}" : next.Reason ?? "", phase is nameof(JobStage.Failed));
        if (before?.WorkersWanted is { } had && next.WorkersWanted is { } has && had != has)
            yield return Told("Scaled", $"{had} to {has} workers");

        Notice Told(string reason, string note, bool isWarning = false)
        {
            var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{resource.Metadata.Uid}/{resource.Metadata.ResourceVersion}/{reason}")))[..16];
            return new Notice($"{resource.Metadata.Name}.{hash}", reason, note.Length > NoteCharactersMax ? note[..NoteCharactersMax] : note, isWarning);
        }
    }

    static double? Finite(double? number) => number is { } some && double.IsFinite(some) ? some : null;

    static DateTimeOffset Whole(DateTimeOffset time) => new(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerSecond), TimeSpan.Zero);

    static DateTimeOffset? Whole(DateTimeOffset? time) => time is { } some ? Whole(some) : null;

    static string Text(TimeSpan left)
        => left.TotalHours >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{(long)left.TotalHours}h{left.Minutes:00}m")
            : left.TotalMinutes >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{left.Minutes}m{left.Seconds:00}s")
            : string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(left.TotalSeconds)}s");
}
