using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Orchestrator.Api.V1;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Protocol;
using Orchestrator.Server.Security;
using Role = Orchestrator.Server.Security.Role;

namespace Orchestrator.Server.Api;

/// <summary>The service <c>Workers</c>.</summary>
sealed class WorkersService(IGrainFactory grains, Door door, ClusterFeed feed, IHostApplicationLifetime life) : Workers.WorkersBase
{
    ISchedulerGrain Scheduler => grains.GetGrain<ISchedulerGrain>(0);

    /// <inheritdoc/>
    public override async Task<ListWorkersResponse> List(ListWorkersRequest request, ServerCallContext context) => Seen(await Scheduler.Silos(), context);

    /// <inheritdoc/>
    public override async Task Follow(ListWorkersRequest request, IServerStreamWriter<ListWorkersResponse> responseStream, ServerCallContext context)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, life.ApplicationStopping);
        ListWorkersResponse? told = null;
        await foreach (var now in feed.Follow(stop.Token))
        {
            var next = Seen(now.Silos, context);
            if (!next.Equals(told))
                await responseStream.WriteAsync(told = next, stop.Token);
        }
    }

    ListWorkersResponse Seen(IEnumerable<SiloEntry> silos, ServerCallContext context)
    {
        var answer = new ListWorkersResponse();
        answer.Servers.Add(silos.Select(JobMapping.Of));
        foreach (var worker in answer.Servers.SelectMany(server => server.Workers).Where(worker => worker.Job.Length > 0))
            if (door.Known(context.GetHttpContext())?.May(Role.Viewer, worker.Job.Split('/')[0]) != true)
                (worker.Job, worker.Note) = ("", "has a job of another namespace");
        return answer;
    }

    /// <inheritdoc/>
    public override Task<Orchestrator.Api.V1.Server> Cordon(ServerRequest request, ServerCallContext context) => Mark(request, cordoned: true, drained: false);

    /// <inheritdoc/>
    public override Task<Orchestrator.Api.V1.Server> Uncordon(ServerRequest request, ServerCallContext context) => Mark(request, cordoned: false, drained: false);

    /// <inheritdoc/>
    public override Task<Orchestrator.Api.V1.Server> Drain(ServerRequest request, ServerCallContext context) => Mark(request, cordoned: true, drained: true);

    async Task<Orchestrator.Api.V1.Server> Mark(ServerRequest request, bool cordoned, bool drained)
    {
        if (request.Server.Length == 0)
            throw new ProblemException("server", "nothing", "the name of a server", "Workers.List names those that there are");
        try
        {
            return JobMapping.Of(await Scheduler.Cordon(request.Server, cordoned, drained));
        }
        catch (ProblemException unknown)
        {
            throw Refusals.Of(StatusCode.NotFound, unknown.Problems);
        }
    }
}
