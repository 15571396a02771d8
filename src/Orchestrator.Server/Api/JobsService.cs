using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Orchestrator.Api.V1;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Server.Security;
using Orchestrator.Server.Specs;
using Role = Orchestrator.Server.Security.Role;

namespace Orchestrator.Server.Api;

/// <summary>The service <c>Jobs</c>: every call is parsed, handed on to a grain, and its answer mapped.</summary>
sealed class JobsService(IGrainFactory grains, ClusterSpecs specs, JobFeed feed, Door door, IHostApplicationLifetime life) : Jobs.JobsBase
{
    const int SnapshotsAtOnceMax = 16;

    ISchedulerGrain Scheduler => grains.GetGrain<ISchedulerGrain>(0);

    /// <inheritdoc/>
    public override async Task<Job> Submit(SubmitRequest request, ServerCallContext context)
    {
        var space = JobAddress.SpaceOf(request.Namespace);
        var spec = specs.Read(request.Spec, request.Set);
        try
        {
            return JobMapping.Of(await Scheduler.Submit(space, spec), now: null, withSpec: true);
        }
        catch (ProblemException taken)
        {
            throw Refusals.Of(StatusCode.AlreadyExists, taken.Problems);
        }
    }

    /// <inheritdoc/>
    public override async Task<Job> Get(JobRequest request, ServerCallContext context)
    {
        var job = JobAddress.Of(request.Namespace, request.Name);
        return await Mapped(await Find(job), withSpec: true);
    }

    /// <inheritdoc/>
    public override async Task<ListResponse> List(ListRequest request, ServerCallContext context)
    {
        var space = JobAddress.SpaceOf(request.Namespace);
        var entries = (await Scheduler.Jobs())
            .Where(entry => request.AllNamespaces ? door.Known(context.GetHttpContext())?.May(Role.Viewer, JobAddress.SpaceOf(entry.Space)) == true : JobAddress.SpaceOf(entry.Space) == space)
            .Where(entry => request.Phases.Count == 0 || request.Phases.Contains(JobMapping.PhaseOf(entry.Stage)));
        var answer = new ListResponse();
        foreach (var some in entries.Chunk(SnapshotsAtOnceMax))
            answer.Jobs.Add(await Task.WhenAll(some.Select(entry => Mapped(entry, withSpec: false))));
        return answer;
    }

    // A job that no worker has seen yet has nothing to add to what the queue says of it.
    async Task<Job> Mapped(JobEntry entry, bool withSpec)
        => JobMapping.Of(entry, entry.Started is null ? null : await grains.GetGrain<IJobGrain>(entry.Key).Snapshot(), withSpec);

    /// <inheritdoc/>
    public override async Task Watch(WatchRequest request, IServerStreamWriter<Event> responseStream, ServerCallContext context)
    {
        var job = JobAddress.Of(request.Namespace, request.Name);
        await Find(job);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, life.ApplicationStopping);
        await foreach (var news in feed.Events(job, After(request.After), stop.Token))
            await responseStream.WriteAsync(JobMapping.Of(news), stop.Token);
    }

    /// <inheritdoc/>
    public override async Task Logs(LogsRequest request, IServerStreamWriter<LogLine> responseStream, ServerCallContext context)
    {
        var job = JobAddress.Of(request.Namespace, request.Name);
        await Find(job);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, life.ApplicationStopping);
        await foreach (var line in feed.Lines(job, After(request.After), request.Follow, stop.Token))
            await responseStream.WriteAsync(JobMapping.Of(line), stop.Token);
    }

    static long After(long number) => number >= 0 ? number : throw new ProblemException("after", $"{number}", "the number of the last event that was seen, or 0");

    /// <inheritdoc/>
    public override Task<Job> Scale(ScaleRequest request, ServerCallContext context)
    {
        var job = JobAddress.Of(request.Namespace, request.Name);
        var range = SpecKeys.Find("workers")!.Range;
        if (!range.Contains(request.Workers))
            throw new ProblemException("workers", $"{request.Workers}", $"a whole number, {range}");
        return Change(job, scheduler => scheduler.Scale(job.Key, request.Workers));
    }

    /// <inheritdoc/>
    public override Task<Job> Suspend(JobRequest request, ServerCallContext context)
        => Change(JobAddress.Of(request.Namespace, request.Name), (scheduler, job) => scheduler.Suspend(job));

    /// <inheritdoc/>
    public override Task<Job> Resume(JobRequest request, ServerCallContext context)
        => Change(JobAddress.Of(request.Namespace, request.Name), (scheduler, job) => scheduler.Resume(job));

    /// <inheritdoc/>
    public override Task<Job> Cancel(JobRequest request, ServerCallContext context)
        => Change(JobAddress.Of(request.Namespace, request.Name), (scheduler, job) => scheduler.Cancel(job));

    /// <inheritdoc/>
    public override async Task<DeleteResponse> Delete(JobRequest request, ServerCallContext context)
    {
        var job = JobAddress.Of(request.Namespace, request.Name);
        try
        {
            await Scheduler.Delete(job.Key);
        }
        catch (ProblemException runs)
        {
            throw Refusals.Of(StatusCode.FailedPrecondition, runs.Problems);
        }
        return new DeleteResponse();
    }

    Task<Job> Change(JobAddress job, Func<ISchedulerGrain, string, Task<JobEntry>> change) => Change(job, scheduler => change(scheduler, job.Key));

    async Task<Job> Change(JobAddress job, Func<ISchedulerGrain, Task<JobEntry>> change)
    {
        await Find(job);
        try
        {
            return await Mapped(await change(Scheduler), withSpec: true);
        }
        catch (ProblemException refused)
        {
            throw Refusals.Of(StatusCode.FailedPrecondition, refused.Problems);
        }
    }

    async Task<JobEntry> Find(JobAddress job) => await Scheduler.Find(job.Key) ?? throw Refusals.NoJob(job);
}
