using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Collectives;
using Orchestrator.Engine;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Grains;
using Orchestrator.Operator;
using Orchestrator.Protocol;
using Orchestrator.Server.Api;
using Orchestrator.Server.Database;
using Orchestrator.Server.Security;
using Orchestrator.Server.Specs;

namespace Orchestrator.Server;

/// <summary>A server: silo, engine, exchange, API and health in one process. This file is the list of what it consists of; each has a file of its own.</summary>
public sealed partial class ServerHost : IAsyncDisposable
{
    // Once the workers have gone, what is left takes milliseconds. Where the database is down Orleans would try for minutes to write that it leaves; others will see that it has gone.
    static readonly TimeSpan leaveWithin = TimeSpan.FromSeconds(3);

    readonly WebApplication app;
    readonly IDisposable claim;
    readonly Lazy<Task<bool>> stop;

    ServerHost(WebApplication app, ServerAddresses addresses, IDisposable claim) => (this.app, Addresses, this.claim, stop) = (app, addresses, claim, new Lazy<Task<bool>>(Leave));

    /// <summary>Where it listens.</summary>
    internal ServerAddresses Addresses { get; }

    /// <summary>What it consists of.</summary>
    internal IServiceProvider Services => app.Services;

    /// <summary>REST, health and metrics.</summary>
    public Uri Http => new UriBuilder(Addresses.Scheme, Addresses.Host, Addresses.Http).Uri;

    /// <summary>The public API.</summary>
    public Uri Api => new UriBuilder(Addresses.Scheme, Addresses.Host, Addresses.Api).Uri;

    /// <summary>Cancelled once the server has stopped, for whatever reason.</summary>
    public CancellationToken Stopped => app.Lifetime.ApplicationStopped;

    /// <summary>Starts a server; it takes calls when this returns.</summary>
    /// <param name="settings">what it is to be like</param>
    /// <param name="stop">gives the start up</param>
    /// <param name="exit">ends the process at once, with a code; for a server that its cluster has given up</param>
    /// <exception cref="ProblemException">a setting cannot be used: a port is taken, the data folder is another server's, the database does not answer</exception>
    public static async Task<ServerHost> Start(ServerSettings settings, CancellationToken stop, Action<int>? exit = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var options = settings.Options;
        var addresses = ServerAddresses.Of(options);
        if (Exposure.Of(addresses.Listen, options.Security) is { } exposed)
            throw new ProblemException(exposed);
        var credentials = options.Security.IsEncrypted ? new Credentials(options.Security, TimeProvider.System) : null;
        addresses.DemandFree();
        IServerDatabase database = options.Database is null ? new SqliteDatabase(options, addresses) : new PostgresDatabase(options);
        var claim = database.Claim();
        try
        {
            var workers = Task.Run(() => LocalWorkers.Of(options), stop);
            var app = Build(settings, addresses, credentials, database, workers, exit ?? Environment.Exit);
            try
            {
                var log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger<ServerHost>();
                Exposure.Warn(addresses.Listen, options.Security, log);
                credentials?.TellOf(log);
                await database.Prepare(log, stop);
                await workers;
                await app.StartAsync(stop);
                return new ServerHost(app, addresses, claim);
            }
            catch
            {
                await app.DisposeAsync();
                throw;
            }
        }
        catch
        {
            claim.Dispose();
            throw;
        }
    }

    static WebApplication Build(ServerSettings settings, ServerAddresses addresses, Credentials? credentials, IServerDatabase database, Task<LocalWorkers> workers, Action<int> exit)
    {
        var options = settings.Options;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = typeof(ServerHost).Assembly.GetName().Name, ContentRootPath = AppContext.BaseDirectory, WebRootPath = "wwwroot" });
        builder.WebHost.UseKestrelCore();
        builder.Logging.AddEventLog(options.Log, settings.Whole);
        builder.Services.AddRouting();
        builder.Services.AddSingleton<IHostLifetime, CommandLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = leaveWithin);
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(addresses);
        builder.Services.AddSingleton(database);
        builder.Services.AddSingleton(_ => workers.GetAwaiter().GetResult());      // Start has awaited it
        builder.Services.AddSingleton(TimeProvider.System);

        var (folders, cache) = (new ClusterFolders(options.Data), options.Cache ?? Path.Combine(options.Data, "cache", options.Name));
        builder.Services.AddTrainingEngine(new EngineOptions
        {
            Process = options.Name,
            CacheFolder = cache,
            BlobFolder = folders.Blobs,
            ModelRoots = FoldersOf(options.Models),
            PathRoots = PathRootsOf(options),
        });
        if (credentials is not null)
            builder.Services.AddSingleton(new PeerTls(credentials.ToPeer));
        builder.Services.AddGradientExchange(options.Exchange);
        builder.AddSilo(options, addresses, database, credentials);
        builder.Services.AddSingleton<IFatalErrorHandler>(services => new LostMembership(exit, services.GetRequiredService<ILogger<LostMembership>>()));
        builder.AddPorts(addresses, options.Limits, credentials);
        builder.Services.AddLimits(options.Limits);
        builder.Services.AddHealth();
        builder.Services.AddJobsApi(folders, cache, options.Security, PathRootsOf(options));
        builder.AddWebPage(folders, addresses, credentials);
        builder.AddObservability(options.Observability, options.Name);
        builder.Services.AddHostedService<DatabaseWatch>();
        builder.Services.AddSingleton<Announcing>().AddHostedService(services => services.GetRequiredService<Announcing>());
        builder.Services.AddSingleton<Draining>();
        builder.Services.AddOperator(options.Operator, options.Name, services => json => services.GetRequiredService<ClusterSpecs>().Read(json, []));

        var app = builder.Build();
        if (credentials is not null)
            app.Services.GetRequiredService<Metrics>().Watch(credentials);
        app.UseRouting();
        app.UsePorts();
        app.UseUnreadableCalls();
        app.UseAccess();
        app.UseLimits();
        app.UseWebPage();
        app.OnPorts(addresses.Http).MapHealth();
        app.OnPorts(addresses.Http).MapMetrics();
        app.OnPorts(addresses.Http, addresses.Api).MapJobsApi();
        app.OnPorts(addresses.Exchange).MapGradientExchange();
        app.MapWebPage(addresses.Http);
        return app;
    }

    // What comes with the program is everybody's.
    static IReadOnlyList<string>? PathRootsOf(ServerOptions options)
        => options.Security.IsAsking || options.Records is { Length: > 0 } ? [.. FoldersOf(options.Models), .. FoldersOf(options.Records), Path.Combine(AppContext.BaseDirectory, "Demo", "Bundle")] : null;

    static string[] FoldersOf(string? folders) => folders?.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    /// <summary>Drains the server and leaves the cluster: within about a second where no worker is in a job. Idempotent.</summary>
    /// <returns>whether it has left; false where it could not say so in time, and what is left of it had better end with its process</returns>
    public Task<bool> Stop() => stop.Value;

    async Task<bool> Leave()
    {
        await app.Services.GetRequiredService<Draining>().Drain();
        try
        {
            await app.StopAsync().WaitAsync(leaveWithin + leaveWithin);
            return true;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException or AggregateException)
        {
            LogLeftUnsaid(app.Services.GetRequiredService<ILogger<ServerHost>>(), e.Message);
            return false;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (await Stop())
            await app.DisposeAsync();
        claim.Dispose();
    }

    [LoggerMessage(EventName = "LeftUnsaid", Level = LogLevel.Warning, Message = "the cluster could not be told that this server leaves, and will notice: {Reason}")]
    static partial void LogLeftUnsaid(ILogger log, string reason);

    // Signals are the command's: the first drains, the second ends the process.
    sealed class CommandLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
