using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Orchestrator.Api.V1;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Server.Security;
using Orchestrator.Server.Specs;
using Role = Orchestrator.Server.Security.Role;

namespace Orchestrator.Server.Api;

/// <summary>The service <c>Jobs</c>: every call is parsed, handed on to a grain, and its answer mapped.</summary>
sealed class JobsService(IGrainFactory grains, ClusterSpecs specs, JobFeed feed, ClusterFeed cluster, Door door, IHostApplicationLifetime life) : Jobs.JobsBase
{

    ISchedulerGrain Scheduler => grains.GetGrain<ISchedulerGrain>(0);

    /// <inheritdoc/>
    public override async Task<Job> Submit(SubmitRequest request, ServerCallContext context)
    {
        var space = JobAddress.SpaceOf(request.Namespace);
        var spec = specs.Read(request.Spec, request.Set);
        using var span = Traces.Call(JobEntry.KeyOf(space, spec.Name), "submit");
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
    public override Task<ValidateResponse> Validate(SubmitRequest request, ServerCallContext context)
    {
        JobAddress.SpaceOf(request.Namespace);
        var answer = new ValidateResponse();
        try
        {
            var spec = specs.Read(request.Spec, request.Set);
            (answer.Name, answer.Workers) = (spec.Name, spec.Workers);
        }
        catch (ProblemException wrong)
        {
            answer.Problems.Add(Refusals.Fitting(wrong.Problems).Select(SpecPlace.Of));
        }
        return Task.FromResult(answer);
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
        var isSeen = Seen(request, context);
        var answer = new ListResponse();
        answer.Jobs.Add(await cluster.Jobs((await Scheduler.Jobs()).Where(isSeen)));
        return answer;
    }

    /// <inheritdoc/>
    public override async Task Follow(ListRequest request, IServerStreamWriter<JobsChange> responseStream, ServerCallContext context)
    {
        var isSeen = Seen(request, context);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, life.ApplicationStopping);
        var told = new Dictionary<string, Job>();
        var isFirst = true;
        await foreach (var now in cluster.Follow(stop.Token))
        {
            var seen = now.Jobs.Where(job => isSeen(job.Entry)).ToDictionary(job => job.Entry.Key, job => job.Job);
            var change = new JobsChange();
            change.Jobs.Add(seen.Where(job => !job.Value.Equals(told.GetValueOrDefault(job.Key))).Select(job => job.Value));
            change.Gone.Add(told.Where(job => !seen.ContainsKey(job.Key)).Select(job => new JobRequest { Namespace = job.Value.Namespace, Name = job.Value.Name }));
            if (isFirst || change.Jobs.Count + change.Gone.Count > 0)
                await responseStream.WriteAsync(change, stop.Token);
            (told, isFirst) = (seen, false);
        }
    }

    Func<JobEntry, bool> Seen(ListRequest request, ServerCallContext context)
    {
        var (space, caller) = (JobAddress.SpaceOf(request.Namespace), door.Known(context.GetHttpContext()));
        return entry => (request.AllNamespaces ? caller?.May(Role.Viewer, JobAddress.SpaceOf(entry.Space)) == true : JobAddress.SpaceOf(entry.Space) == space)
            && (request.Phases.Count == 0 || request.Phases.Contains(JobMapping.PhaseOf(entry.Stage)));
    }

    Task<Job> Mapped(JobEntry entry, bool withSpec) => cluster.Job(entry, withSpec);

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
        return Change("scale", job, scheduler => scheduler.Scale(job.Key, request.Workers));
    }

    /// <inheritdoc/>
    public override Task<Job> Suspend(JobRequest request, ServerCallContext context)
        => Change("suspend", JobAddress.Of(request.Namespace, request.Name), (scheduler, job) => scheduler.Suspend(job));

    /// <inheritdoc/>
    public override Task<Job> Resume(JobRequest request, ServerCallContext context)
        => Change("resume", JobAddress.Of(request.Namespace, request.Name), (scheduler, job) => scheduler.Resume(job));

    /// <inheritdoc/>
    public override Task<Job> Cancel(JobRequest request, ServerCallContext context)
        => Change("cancel", JobAddress.Of(request.Namespace, request.Name), (scheduler, job) => scheduler.Cancel(job));

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

    Task<Job> Change(string what, JobAddress job, Func<ISchedulerGrain, string, Task<JobEntry>> change) => Change(what, job, scheduler => change(scheduler, job.Key));

    async Task<Job> Change(string what, JobAddress job, Func<ISchedulerGrain, Task<JobEntry>> change)
    {
        await Find(job);
        using var span = Traces.Call(job.Key, what);
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
