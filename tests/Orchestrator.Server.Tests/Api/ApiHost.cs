using System.Net;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Orchestrator.Api.V1;
using Orchestrator.Grains;
using Orchestrator.Harness;
using Orchestrator.Server.Api;
using Orchestrator.Server.Security;

namespace Orchestrator.Server.Tests.Api;

/// <summary>The API in a host of its own, over grains that a test tells what to say. It can be stopped, and started again on its ports.</summary>
sealed class ApiHost : IAsyncDisposable
{
    readonly int ports = FreePorts.InARow(2);
    readonly DirectoryInfo data = Directory.CreateTempSubdirectory("orchestrator-api-");
    WebApplication app;

    readonly SecurityOptions security;
    readonly LimitsOptions? limits;

    ApiHost(FakeCluster cluster, SecurityOptions security, LimitsOptions? limits)
        => (Cluster, app, Channel, this.security, this.limits) = (cluster, null!, GrpcChannel.ForAddress($"http://127.0.0.1:{ports + 1}"), security, limits);

    public static async Task<ApiHost> Start(SecurityOptions? security = null, LimitsOptions? limits = null)
    {
        var host = new ApiHost(new FakeCluster(), security ?? new SecurityOptions(), limits);
        await host.StartAgain();
        return host;
    }

    public FakeCluster Cluster { get; }

    public ClusterFolders Folders => new(data.FullName);

    public GrpcChannel Channel { get; }

    public string GrpcAddress => $"http://127.0.0.1:{ports + 1}";

    public HttpClient Http() => new() { BaseAddress = new Uri($"http://127.0.0.1:{ports}") };

    public IServiceProvider Services => app.Services;

    public IEnumerable<Endpoint> Endpoints => ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints);

    public Task Stop() => app.StopAsync();

    public async Task StartAgain()
    {
        if (app is not null)
            await app.DisposeAsync();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = typeof(ApiSetup).Assembly.GetName().Name });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            if (limits is not null)
                kestrel.Limits.Hold(limits);
            kestrel.Listen(IPAddress.Loopback, ports, listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Listen(IPAddress.Loopback, ports + 1, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(20));
        builder.Services.AddRouting();
        if (limits is not null)
            builder.Services.AddLimits(limits);
        builder.Services.AddSingleton(Cluster.Grains);
        builder.Services.AddHealthChecks().AddCheck("silo", () => HealthCheckResult.Healthy());
        builder.Services.AddJobsApi(Folders, Path.Combine(data.FullName, "cache"), security);
        app = builder.Build();
        app.UseRouting();
        app.UseUnreadableCalls();
        app.UseAccess();
        if (limits is not null)
            app.UseLimits();
        app.MapJobsApi();
        await app.StartAsync();
    }

    /// <summary>What somebody with a token is answered who asks for the jobs of a namespace.</summary>
    public async Task<StatusCode> Lists(string token, string space)
    {
        try
        {
            await new Jobs.JobsClient(Channel).ListAsync(new ListRequest { Namespace = space }, new Metadata { { "authorization", $"Bearer {token}" } }, cancellationToken: TestContext.Current.CancellationToken);
            return StatusCode.OK;
        }
        catch (RpcException e)
        {
            return e.StatusCode;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await app.DisposeAsync();
        data.Delete(recursive: true);
    }
}
