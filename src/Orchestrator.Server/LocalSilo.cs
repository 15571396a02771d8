using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Collectives;
using Orchestrator.Engine;
using Orchestrator.Engine.Resident;
using Orchestrator.Grains;
using Orleans.Configuration;

namespace Orchestrator.Server;

/// <summary>
/// A cluster of one silo within a command's own process: the grains, the exchange and the engine that a real cluster runs on. Its state is in files of the run's folder; it listens on loopback only.
/// </summary>
public sealed class LocalSilo : IAsyncDisposable
{
    /// <summary>The silo's name, and so its workers': <c>local/0</c>, <c>local/1</c>, …</summary>
    public const string Name = "local";

    readonly WebApplication app;

    LocalSilo(WebApplication app, Uri exchange) => (this.app, Exchange) = (app, exchange);

    /// <summary>The way to the grains.</summary>
    public IGrainFactory Grains => app.Services.GetRequiredService<IGrainFactory>();

    /// <summary>What computes.</summary>
    public TrainingEngine Engine => app.Services.GetRequiredService<TrainingEngine>();

    /// <summary>The frozen bases of this process.</summary>
    public ResidentBases Bases => app.Services.GetRequiredService<ResidentBases>();

    /// <summary>Where the exchange listens.</summary>
    public Uri Exchange { get; }

    /// <summary>Starts the silo.</summary>
    /// <param name="run">the run whose state it holds</param>
    /// <param name="cacheFolder">where tokenised records and digests are kept</param>
    /// <param name="talks">whether its log goes to standard error</param>
    public static async Task<LocalSilo> Start(RunFolder run, string cacheFolder, bool talks = false)
    {
        ArgumentNullException.ThrowIfNull(run);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        if (talks)
            builder.Logging.AddSimpleConsole().AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.AddSingleton<IHostLifetime, SilentLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(10));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.TuneForGradients();
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddTrainingEngine(new EngineOptions { Process = Name, CacheFolder = cacheFolder });
        builder.Services.AddGradientExchange(new ExchangeOptions());
        builder.Services.AddSingleton(TimeProvider.System);
        builder.UseOrleans(silo =>
        {
            var (siloPort, gatewayPort) = FreePorts();
            silo.UseLocalhostClustering(siloPort, gatewayPort, serviceId: Name, clusterId: Name);
            silo.Configure<SiloOptions>(options => options.SiloName = Name);
            silo.Configure<EndpointOptions>(options => options.AdvertisedIPAddress = IPAddress.Loopback);
            silo.AddTrainingGrains();
            silo.AddFileJobStorage(run.State);
        });
        var app = builder.Build();
        app.MapGradientExchange();
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return new LocalSilo(app, new Uri(address));
    }

    static (int Silo, int Gateway) FreePorts()
    {
        using var silo = new TcpListener(IPAddress.Loopback, 0);
        using var gateway = new TcpListener(IPAddress.Loopback, 0);
        silo.Start();
        gateway.Start();
        return (((IPEndPoint)silo.LocalEndpoint).Port, ((IPEndPoint)gateway.LocalEndpoint).Port);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Task.Run(Engine.Dispose);
        await app.StopAsync();
        await app.DisposeAsync();
    }

    // Signals are the command's, not the host's.
    sealed class SilentLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
