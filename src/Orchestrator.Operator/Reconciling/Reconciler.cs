using System.Text.Json.Nodes;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Operator.Resources;

namespace Orchestrator.Operator.Reconciling;

/// <summary>A job as the cluster has it.</summary>
/// <param name="Entry">as the queue knows it</param>
/// <param name="Now">as its grain knows it; null where it has not begun</param>
/// <param name="IsOurs">whether it is what the resource says, but for workers and suspend</param>
public sealed record JobView(JobEntry Entry, JobSnapshot? Now, bool IsOurs)
{
    /// <summary>Where it is.</summary>
    public JobStage Stage => Entry.At(Now).Stage;

    /// <summary>Whether nothing happens to it any more.</summary>
    public bool IsOver => Stage is JobStage.Completed or JobStage.Failed or JobStage.Cancelled;
}

/// <summary>What is to be done next.</summary>
public enum Deed
{
    /// <summary>Nothing: the status is all there is to say.</summary>
    Nothing,

    /// <summary>Hold the resource until its job is over.</summary>
    Hold,

    /// <summary>Let go of it.</summary>
    Release,

    /// <summary>Give the job to the queue.</summary>
    Submit,

    /// <summary>Give the job the resource's number of workers.</summary>
    Scale,

    /// <summary>Have the job rest.</summary>
    Suspend,

    /// <summary>Have it go on.</summary>
    Resume,

    /// <summary>End it without a result.</summary>
    Cancel,

    /// <summary>Forget it, and its files.</summary>
    Forget,

    /// <summary>Write into the resource what the job was told another way.</summary>
    Adopt,
}

/// <summary>A decision.</summary>
/// <param name="Deed">what is to be done; then it is decided anew</param>
/// <param name="Reason">why</param>
/// <param name="Status">what the resource is to say, once nothing is to be done; null leaves it as it is</param>
public sealed record Decision(Deed Deed, string Reason, TrainingJobStatus? Status = null)
{
    /// <summary>The change of the resource, of a deed that is one.</summary>
    public JsonObject? Patch { get; init; }
}

/// <summary>
/// The heart of the operator: what is to be done, of what the resource and its job are now and of nothing else. So nothing has to be remembered: whatever was missed, done twice or broken off, the
/// next look goes on from there. Every deed may be repeated.
/// </summary>
public static class Reconciler
{
    /// <summary>Decides.</summary>
    /// <param name="resource">as it is</param>
    /// <param name="job">the job of its name; null where there is none</param>
    /// <param name="refusal">why its spec cannot be a job, if that is so</param>
    /// <param name="selector">what selects the pods of workers</param>
    /// <param name="now">the time</param>
    public static Decision Decide(TrainingJob resource, JobView? job, string? refusal, string? selector, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(resource);
        if (resource.IsDeleted)
            return End(resource, job, selector, now);
        if (job is null)
            return Begin(resource, refusal, now);
        if (!job.IsOurs)
            return new Decision(Deed.Nothing, "another job has the name", Statuses.Refused(resource, "NameTaken", refusal
                ?? $"another job called {job.Entry.Key} is there, with another spec; give this one another name, or delete that job when it is over", now));
        if (job.IsOver)
            return new Decision(Deed.Nothing, "it is over", Statuses.Of(resource, job, selector, now));
        if (!resource.IsHeld)
            return Hold(resource);
        return Settle(resource, job, selector, now);
    }

    // Held first: a job that nobody would cancel must not be begun.
    static Decision Begin(TrainingJob resource, string? refusal, DateTimeOffset now)
        => resource.Status?.Phase is nameof(JobStage.Completed) or nameof(JobStage.Failed) or nameof(JobStage.Cancelled) ? new Decision(Deed.Nothing, "its job was over, and was deleted since")
            : refusal is not null ? new Decision(Deed.Nothing, "it cannot be a job", Statuses.Refused(resource, "SpecRefused", refusal, now))
            : !resource.IsHeld ? Hold(resource)
            : new Decision(Deed.Submit, "there is no such job");

    static Decision Hold(TrainingJob resource)
        => new(Deed.Hold, "its job is to be cancelled with it") { Patch = Finalizers([.. resource.Metadata.Finalizers ?? [], TrainingJob.Finalizer]) };

    // A result stays until somebody deletes it by name; what was broken off goes, so that the name is free.
    static Decision End(TrainingJob resource, JobView? job, string? selector, DateTimeOffset now)
        => !resource.IsHeld ? new Decision(Deed.Nothing, "it is deleted, and others hold it")
            : job is not { IsOurs: true } || job.Stage == JobStage.Completed
                ? new Decision(Deed.Release, "nothing runs for it") { Patch = Finalizers([.. resource.Metadata.Finalizers!.Where(name => name != TrainingJob.Finalizer)]) }
            : job.IsOver && job.Entry.Stage == job.Stage ? new Decision(Deed.Forget, "it ended without a result, and is deleted")
            : job.Entry.Wish != JobWish.End ? new Decision(Deed.Cancel, "it is deleted")
            : new Decision(Deed.Nothing, "its workers leave it", Statuses.Of(resource, job, selector, now));

    // Workers and suspension can be changed in the resource and at the job: who came last has it. The resource did if its spec has changed since it was last looked at.
    static Decision Settle(TrainingJob resource, JobView job, string? selector, DateTimeOffset now)
    {
        var (wanted, rests) = (job.Entry.WorkersWanted, job.Entry.Wish == JobWish.Pause);
        var isNews = resource.Status?.ObservedGeneration != resource.Metadata.Generation || resource.Status[Statuses.Accepted]?.Holds != true;
        if (job.Entry.Wish == JobWish.End || (wanted == resource.Workers && rests == resource.Suspend))
            return new Decision(Deed.Nothing, "it is as it should be", Statuses.Of(resource, job, selector, now));
        if (!isNews)
        {
            return new Decision(Deed.Adopt, "the job was changed another way")
            {
                Patch = new JsonObject { ["spec"] = new JsonObject { ["workers"] = wanted, ["suspend"] = rests } },
            };
        }
        return wanted != resource.Workers ? new Decision(Deed.Scale, $"{resource.Workers} workers are wanted, not {wanted}")
            : resource.Suspend ? new Decision(Deed.Suspend, "it is to rest")
            : new Decision(Deed.Resume, "it is to go on");
    }

    static JsonObject Finalizers(IEnumerable<string> names) => new() { ["metadata"] = new JsonObject { ["finalizers"] = new JsonArray([.. names.Select(name => (JsonNode)name)]) } };
}
