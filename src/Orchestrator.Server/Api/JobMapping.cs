using System.Text;
using Google.Protobuf.WellKnownTypes;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Protocol.Jobs;
using V1 = Orchestrator.Api.V1;

namespace Orchestrator.Server.Api;

/// <summary>From the words of the cluster to those of the API.</summary>
static class JobMapping
{
    /// <summary>A job.</summary>
    /// <param name="entry">as the queue knows it</param>
    /// <param name="now">as its grain knows it; null where it was not asked</param>
    /// <param name="withSpec">whether the spec is told</param>
    public static V1.Job Of(JobEntry entry, JobSnapshot? now, bool withSpec)
    {
        var job = new V1.Job
        {
            Namespace = entry.Space.Length == 0 ? JobAddress.DefaultSpace : entry.Space,
            Name = entry.Spec.Name,
            SpecDigest = entry.SpecDigest,
            Phase = PhaseOf(entry.Stage),
            Reason = entry.Reason,
            WorkersWanted = entry.WorkersWanted,
            Position = entry.Position,
            Submitted = Timestamp.FromDateTimeOffset(entry.Submitted),
            Started = TimeOf(entry.Started),
            Ended = TimeOf(entry.Ended),
            Spec = withSpec ? Encoding.UTF8.GetString(CanonicalJson.Of(entry.Spec)) : "",
        };
        if (now is null)
            return job;
        job.Step = now.Step.Number;
        job.Steps = now.Last.Number;
        job.Workers = now.Members.Count;
        job.Generation = now.Generation.Number;
        job.Checkpoint = now.Checkpoint.Number;
        job.Kind = now.Kind;
        job.Server = now.Silo;
        job.AdapterSha256 = now.AdapterSha256;
        job.TokensPerSecond = now.TokensPerSecond;
        job.Curve.Add(now.Curve);
        if (now.Loss is { } loss)
            job.Loss = loss;
        if (now.ValidationLoss is { } validation)
            job.ValidationLoss = validation;
        if (now.Remaining is { } remaining)
            job.Remaining = Duration.FromTimeSpan(remaining);
        foreach (var (state, seconds) in now.WorkerSeconds?.ByState() ?? [])
            job.WorkerSeconds[state] = seconds;
        if (now.WorkerSeconds?.Goodput is { } goodput)
            job.Goodput = goodput;
        var (stage, reason) = entry.At(now);
        (job.Phase, job.Reason) = (PhaseOf(stage), reason);
        return job;
    }

    /// <summary>Something that happened.</summary>
    public static V1.Event Of(JobNews news)
    {
        var told = new V1.Event { Number = news.Number, At = Timestamp.FromDateTimeOffset(news.At) };
        if (news.Decision is { } decision)
        {
            told.Changed = new V1.Changed
            {
                Phase = PhaseOf(decision.Stage),
                Detail = CamelCase(decision.Phase.ToString()),
                Generation = decision.Generation.Number,
                Workers = decision.Members,
                Reason = decision.Reason,
            };
            told.Changed.Members.Add(decision.Workers.Select(worker => worker.ToString()));
        }
        else if (news.Step is { Line: var line } step)
        {
            told.Stepped = new V1.Stepped
            {
                Step = line.Step,
                Steps = news.Steps,
                Loss = line.Loss,
                LearningRate = line.LearningRate,
                GradientNorm = line.GradientNorm,
                Tokens = line.Tokens,
                Seconds = step.StepSeconds,
                Workers = news.Workers,
            };
            told.Stepped.Gates.Add(step.Gates?.Select(layer => layer.Length == 0 ? 0 : layer.Average(Math.Abs)) ?? []);
        }
        else if (news.Evaluation is { } evaluation)
        {
            told.Evaluated = new V1.Evaluated
            {
                Step = evaluation.Step.Number,
                Loss = evaluation.Loss,
                Perplexity = evaluation.Perplexity,
                Asked = evaluation.Asked,
                Exact = evaluation.Exact,
            };
            told.Evaluated.Answers.Add(evaluation.Answers.Select(answer => new V1.Answer { Instruction = answer.Instruction, Input = answer.Input, Expected = answer.Expected, Given = answer.Given }));
        }
        else if (news.Checkpoint is { } checkpoint)
            told.Checkpointed = new V1.Checkpointed { Step = checkpoint.Number };
        return told;
    }

    /// <summary>A line of a job's log.</summary>
    public static V1.LogLine Of(JobLogLine line) => new() { Number = line.Number, At = Timestamp.FromDateTimeOffset(line.At), Text = line.Text };

    /// <summary>A server and its workers.</summary>
    public static V1.Server Of(SiloEntry silo)
    {
        var server = new V1.Server
        {
            Name = silo.Announcement.Silo,
            Cordoned = silo.Cordoned,
            Draining = silo.Drained || silo.Announcement.Leaving,
            Device = silo.Announcement.Device,
            Since = Timestamp.FromDateTimeOffset(silo.Since),
        };
        server.Workers.Add(silo.Jobs.Select((job, slot) => new V1.Worker
        {
            Slot = slot, Job = job is null ? "" : Qualified(job), Note = silo.Quarantined.TryGetValue(slot, out var reason) ? $"quarantined: {reason}" : "",
        }));
        return server;
    }

    /// <summary>A stage of a job; the names are the same.</summary>
    public static V1.Phase PhaseOf(JobStage stage) => stage switch
    {
        JobStage.Queued => V1.Phase.Queued,
        JobStage.Preparing => V1.Phase.Preparing,
        JobStage.Running => V1.Phase.Running,
        JobStage.Suspended => V1.Phase.Suspended,
        JobStage.Completed => V1.Phase.Completed,
        JobStage.Failed => V1.Phase.Failed,
        JobStage.Cancelled => V1.Phase.Cancelled,
        _ => throw new ArgumentOutOfRangeException(nameof(stage), stage, "no stage of a job"),
    };

    /// <summary>Whether nothing happens to a job in it any more.</summary>
    public static bool IsOver(JobStage stage) => stage is JobStage.Completed or JobStage.Failed or JobStage.Cancelled;

    static string Qualified(string key) => key.Contains('/', StringComparison.Ordinal) ? key : $"{JobAddress.DefaultSpace}/{key}";

    static Timestamp? TimeOf(DateTimeOffset? time) => time is { } at ? Timestamp.FromDateTimeOffset(at) : null;

    static string CamelCase(string word) => char.ToLowerInvariant(word[0]) + word[1..];
}
