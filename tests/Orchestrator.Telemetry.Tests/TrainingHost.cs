using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Collectives;
using Orchestrator.Engine;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Grains;
using Orchestrator.Grains.Jobs;
using Orchestrator.Harness;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Server;
using Orleans.Configuration;

namespace Orchestrator.Telemetry.Tests;

/// <summary>A silo in this process with everything that is measured, its metrics on a port of their own; and jobs of seconds to measure.</summary>
sealed class TrainingHost : IAsyncDisposable
{
    static readonly TimeSpan patience = TimeSpan.FromMinutes(2);

    readonly WebApplication app;
    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-telemetry-").FullName;

    TrainingHost(WebApplication app, int metrics, Uri exchange) => (this.app, Port, Exchange) = (app, metrics, exchange);

    /// <summary>Where <c>/metrics</c> is.</summary>
    public int Port { get; }

    public Uri Exchange { get; }

    public Metrics Metrics => app.Services.GetRequiredService<Metrics>();

    public TrainingEngine Engine => app.Services.GetRequiredService<TrainingEngine>();

    public static async Task<TrainingHost> Start(string name = "a", ObservabilityOptions? options = null, Action<ILoggingBuilder>? logging = null)
    {
        options ??= new ObservabilityOptions();
        var (metrics, exchange, silo, gateway) = (FreePort(), FreePort(), FreePort(), FreePort());
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        logging?.Invoke(builder.Logging);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.TuneForGradients();
            kestrel.Listen(IPAddress.Loopback, metrics);
            kestrel.Listen(IPAddress.Loopback, exchange, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddTrainingEngine(new EngineOptions { Process = name, CacheFolder = Path.Combine(Path.GetTempPath(), "orchestrator-telemetry-cache"), GateSamples = 100_000 });
        builder.Services.AddGradientExchange(new ExchangeOptions());
        builder.AddObservability(options, name);
        var state = Directory.CreateTempSubdirectory("orchestrator-state-").FullName;
        builder.UseOrleans(it =>
        {
            it.UseLocalhostClustering(silo, gateway, serviceId: name, clusterId: name);
            it.Configure<SiloOptions>(silo => silo.SiloName = name);
            it.AddTrainingGrains();
            it.AddFileJobStorage(state);
            it.AddObservability(options);
        });
        var app = builder.Build();
        app.MapMetrics();
        app.MapGradientExchange();
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new TrainingHost(app, metrics, new Uri($"http://127.0.0.1:{exchange}")) { state = state };
    }

    string state = "";

    /// <summary>The golden model, trained on its records for some epochs of four steps.</summary>
    public static JobSpec Spec(string name, int epochs)
    {
        var shared = Shared.Find("reference/run_parity") ?? "";
        Assert.SkipWhen(shared.Length == 0, "the golden run is not beside the project");
        return new JobSpec
        {
            Name = name,
            Model = new ModelSpec { Path = Path.Combine(shared, "model") },
            Adapter = new AdapterSpec { Layers = 3, Length = 5, Init = Path.Combine(shared, "init-adapter.pth") },
            Data = new DataSpec { Path = Path.Combine(shared, "data.jsonl"), Validation = 4, MaxSequenceLength = 48 },
            Training = new TrainingSpec { Epochs = epochs, GlobalBatchSize = 8, MicroBatchSize = 2, LearningRate = 0.02, WarmupEpochs = 0.5 },
            Device = new DeviceSpec { Kind = DeviceKind.Cpu },
            Checkpoint = new CheckpointSpec { EverySteps = 20 },
        };
    }

    /// <summary>Gives it to the host, which has no queue.</summary>
    public async Task<RunningJob> Submit(string name, int epochs, Func<JobSpec, JobSpec>? change = null)
    {
        var spec = Spec(name, epochs);
        spec = change?.Invoke(spec) ?? spec;
        var plan = JobPreparation.Prepare(spec, Path.Combine(folder, "cache"), new PreparationProgress(), TestContext.Current.CancellationToken).Plan;
        var job = app.Services.GetRequiredService<IGrainFactory>().GetGrain<IJobGrain>(name);
        var run = Path.Combine(folder, name);
        await job.Submit(new JobAssignment(plan, run));
        return new RunningJob(this, job, new RunFolder(run), name);
    }

    public async Task<string> Scrape()
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{Port}") };
        return await http.GetStringAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        await Task.Run(Engine.Dispose);
        await app.StopAsync();
        await app.DisposeAsync();
        Directory.Delete(folder, recursive: true);
        Directory.Delete(state, recursive: true);
    }

    /// <summary>A job on the host.</summary>
    public sealed record RunningJob(TrainingHost Host, IJobGrain Grain, RunFolder Run, string Name)
    {
        long seen;

        public Task Offer(int workers)
            => Grain.Offer([.. Enumerable.Range(0, workers).Select(slot => new WorkerOffer(new WorkerId("a", slot), Host.Exchange))]);

        public bool Kill(int slot) => Host.Engine.Kill(Name, new WorkerId("a", slot));

        public Task Reaches(long step) => Until(news => news.Step?.Line.Step >= step);

        public Task Ends() => Until(news => news.Decision?.Phase is JobPhase.Completed or JobPhase.Failed or JobPhase.Cancelled);

        public async Task Until(Func<JobNews, bool> what)
        {
            using var limit = new CancellationTokenSource(patience);
            while (true)
            {
                foreach (var news in await Grain.News(seen))
                {
                    seen = news.Number;
                    if (what(news))
                        return;
                }
                await Task.Delay(20, limit.Token);
            }
        }
    }
}
