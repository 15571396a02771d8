using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine.Telemetry;

/// <summary>
/// Spans: submit and job, a generation, a step on one of its workers, its micro-batches and its exchange. All of a job are of one trace, whose id follows from the job's key, so that no context has to
/// reach whoever begins one. Of the steps one in a hundred is traced, the same on every worker. Nothing of it exists unless somebody listens.
/// </summary>
public static class Traces
{
    /// <summary>The name of the source.</summary>
    public const string SourceName = "Orchestrator";

    const long StepsPerTraced = 100;

    static readonly ActivitySource source = new(SourceName);

    /// <summary>Somebody submits a job, or changes what is wanted of it.</summary>
    /// <param name="job">its key</param>
    /// <param name="what">the call: submit, scale, suspend, …</param>
    public static Activity? Call(string job, string what)
    {
        if (!source.HasListeners())
            return null;
        var caller = Activity.Current is { } current ? [new ActivityLink(current.Context)] : Array.Empty<ActivityLink>();
        return source.StartActivity(what, ActivityKind.Server, ContextOf(job), [new("job", job)], caller);
    }

    /// <summary>A job, as long as somebody carries it.</summary>
    internal static Activity? Job(string job)
        => source.HasListeners() ? Detached(source.StartActivity("job", ActivityKind.Internal, ContextOf(job), [new("job", job)])) : null;

    /// <summary>A generation of a job.</summary>
    internal static Activity? Generation(Activity? job, Generation generation, string cause, int workers)
        => job is null ? null : Detached(source.StartActivity("generation", ActivityKind.Internal, job.Context, [new("generation", generation.Number), new("cause", cause), new("workers", workers)]));

    /// <summary>A step on one worker, where it is one of those that are traced.</summary>
    /// <param name="parent">the generation's span, as its order carried it</param>
    /// <param name="worker">who computes</param>
    /// <param name="step">which</param>
    internal static Activity? Step(string? parent, WorkerId worker, Step step)
        => parent is not null && step.Number % StepsPerTraced == 1 && source.HasListeners() && ActivityContext.TryParse(parent, null, isRemote: true, out var context)
            ? Detached(source.StartActivity("step", ActivityKind.Internal, context, [new("worker", worker.ToString()), new("step", step.Number)]))
            : null;

    /// <summary>A part of a traced step.</summary>
    internal static Activity? Part(Activity? step, string name)
        => step is null ? null : Detached(source.StartActivity(name, ActivityKind.Internal, step.Context));

    /// <summary>A part of a traced step: one of its micro-batches.</summary>
    internal static Activity? MicroBatch(Activity? step, int m) => Part(step, "micro-batch")?.SetTag("m", m);

    // They live across threads and calls: whoever runs on this one next must not take them for its parent.
    static Activity? Detached(Activity? started)
    {
        if (started is not null)
            Activity.Current = null;
        return started;
    }

    static ActivityContext ContextOf(string job)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(job), digest);
        return new ActivityContext(ActivityTraceId.CreateFromBytes(digest[..16]), ActivitySpanId.CreateFromBytes(digest[16..24]), ActivityTraceFlags.Recorded, isRemote: true);
    }
}
