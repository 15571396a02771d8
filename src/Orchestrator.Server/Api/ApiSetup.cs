using Google.Protobuf.Reflection;
using Google.Rpc;
using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Orchestrator.Grains;
using Orchestrator.Server.Blobs;
using Orchestrator.Server.Security;
using Orchestrator.Server.Specs;

namespace Orchestrator.Server.Api;

/// <summary>The public API: the services of <c>jobs.proto</c> over gRPC and, transcoded, as REST under <c>/v1</c>; <c>/openapi/v1.json</c> describes the latter.</summary>
public static class ApiSetup
{
    // A spec of a mebibyte and what is around it; parts of files are smaller.
    const int MessageBytesMax = 2 << 20;

    /// <summary>Adds what the API needs beside the grains.</summary>
    /// <param name="services">the server's</param>
    /// <param name="folders">where the cluster's files lie</param>
    /// <param name="cacheFolder">where digests of large files are kept</param>
    /// <param name="security">who may call; everybody by default</param>
    /// <param name="pathRoots">folders below which a spec may name files; null is anywhere</param>
    public static IServiceCollection AddJobsApi(this IServiceCollection services, ClusterFolders folders, string cacheFolder, SecurityOptions? security = null, IReadOnlyList<string>? pathRoots = null)
    {
        services.AddAccess(security ?? new SecurityOptions());
        services.TryAddSingleton(new LimitsOptions());
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(folders);
        services.AddSingleton(new RunFiles(cacheFolder));
        services.AddSingleton(new PathRules(pathRoots));
        services.AddSingleton<BlobStore>();
        services.AddSingleton<ClusterSpecs>();
        services.AddSingleton<JobFeed>();
        services.AddSingleton<ClusterFeed>();
        services.AddGrpc()
            .AddServiceOptions<JobsService>(Bound)
            .AddServiceOptions<FilesService>(Bound)
            .AddServiceOptions<WorkersService>(Bound)
            .AddServiceOptions<TokensService>(Bound)
            .AddJsonTranscoding(options => options.TypeRegistry = TypeRegistry.FromMessages(BadRequest.Descriptor));
        // It looks at every gRPC service of the process, and warns of the exchange's, which is none of these.
        services.Configure<LoggerFilterOptions>(options => options.AddFilter("Microsoft.AspNetCore.Grpc.JsonTranscoding", LogLevel.Error));
        services.AddGrpcReflection();
        services.AddGrpcHealthChecks();
        return services;
    }

    // Of these services only: the exchange beside them has bounds of its own.
    static void Bound(GrpcServiceOptions options)
    {
        options.MaxReceiveMessageSize = MessageBytesMax;
        options.Interceptors.Add<AccessInterceptor>();
        options.Interceptors.Add<ErrorInterceptor>();
    }

    /// <summary>Maps the API.</summary>
    public static void MapJobsApi(this IEndpointRouteBuilder routes)
    {
        routes.MapGrpcService<JobsService>();
        routes.MapGrpcService<FilesService>();
        routes.MapGrpcService<WorkersService>();
        routes.MapGrpcService<TokensService>();
        routes.MapGrpcReflectionService();
        routes.MapGrpcHealthChecksService();
        RestRoutes.Map(routes);
        var description = new Lazy<string>(() => OpenApi.Document().ToJsonString());
        routes.MapGet("/openapi/v1.json", () => Results.Text(description.Value, "application/json"));
    }
}
