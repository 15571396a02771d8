using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
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
using Orchestrator.Engine.Tests;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Grains.Storage;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orleans.Configuration;
using Orleans.Core.Internal;
using Orleans.Storage;

namespace Orchestrator.Grains.Tests;

/// <summary>Silos a, b, … of one process over loopback: real membership, serialisation, exchange and engines, a tiny base; only their storage is shared in memory and can be made to fail.</summary>
sealed class Cluster : IAsyncDisposable
{
    static readonly TimeSpan patience = TimeSpan.FromMinutes(1);

    readonly Dictionary<string, WebApplication> silos = [];
    readonly Dictionary<string, string> devices = [];
    readonly HashSet<string> silent = [];
    readonly CancellationTokenSource stopping = new();
    Task announcing = Task.CompletedTask;

    Cluster() => Storage = new FlakyStorage(new FileGrainStorage(Path.Combine(Folder, "state"), GrainsSetup.Json));

    public string Folder { get; } = Directory.CreateTempSubdirectory("orchestrator-").FullName;

    public FlakyStorage Storage { get; }

    public ConcurrentQueue<string> Errors { get; } = new();

    public ISchedulerGrain Scheduler => Grains.GetGrain<ISchedulerGrain>(0);

    public IGrainFactory Grains => silos["a"].Services.GetRequiredService<IGrainFactory>();

    public IEnumerable<IGrainFactory> AllGrains => silos.Values.Select(silo => silo.Services.GetRequiredService<IGrainFactory>());

    public IJobGrain Job(string key) => Grains.GetGrain<IJobGrain>(key);

    public RunFolder Run(string name, string space = "default") => new ClusterFolders(Path.Combine(Folder, "data")).Jobs(space, name);

    /// <param name="slots">workers of a, b, …</param>
    public static async Task<Cluster> Of(params int[] slots)
    {
        var cluster = new Cluster();
        RandomBase.Write(Path.Combine(cluster.Folder, "base"), vocabulary: 64, dim: 16, layers: 2, heads: 2, hidden: 32);
        var random = new Random(7);
        await File.WriteAllLinesAsync(Path.Combine(cluster.Folder, "data.jsonl"), Enumerable.Range(0, 72).Select(_ =>
        {
            var tokens = Enumerable.Range(0, random.Next(6, 14)).Select(_ => random.Next(3, 64)).ToArray();
            return JsonSerializer.Serialize(new { input_ids = tokens, labels = tokens.Select((token, i) => i < 3 ? -100 : token) });
        }));
        IPEndPoint? primary = null;
        for (var i = 0; i < slots.Length; i++)
        {
            var name = ((char)('a' + i)).ToString();
            primary = await cluster.Start(name, primary);
        }
        cluster.announcing = cluster.Announce(slots);
        return cluster;
    }

    async Task<IPEndPoint> Start(string name, IPEndPoint? primary)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(new ErrorLog(Errors)).SetMinimumLevel(LogLevel.Error);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        var folders = new ClusterFolders(Path.Combine(Folder, "data"));
        builder.Services.AddTrainingEngine(new EngineOptions { Process = name, CacheFolder = Path.Combine(Folder, "cache-" + name), BlobFolder = folders.Blobs, ModelRoots = [Path.Combine(Folder, "models-" + name)] });
        builder.Services.AddGradientExchange(new ExchangeOptions());
        builder.Services.AddSingleton(TimeProvider.System).AddSingleton(folders);
        var own = new IPEndPoint(IPAddress.Loopback, FreePort());
        builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering(own.Port, FreePort(), primary ?? own, serviceId: "test", clusterId: "test");
            silo.Configure<SiloOptions>(options => options.SiloName = name);
            silo.Configure<EndpointOptions>(options => options.AdvertisedIPAddress = IPAddress.Loopback);
            silo.AddTrainingGrains();
            silo.Services.AddKeyedSingleton<IGrainStorage>(GrainsSetup.Jobs, (_, _) => Storage);
        });
        var app = builder.Build();
        app.MapGradientExchange();
        await app.StartAsync(TestContext.Current.CancellationToken);
        silos.Add(name, app);
        devices[name] = ComputeDevice.DescribeProcess();
        return primary ?? own;
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    async Task Announce(int[] slots)
    {
        var names = silos.Keys.ToList();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(300));
        try
        {
            do
            {
                for (var i = 0; i < names.Count; i++)
                {
                    if (!silent.Contains(names[i]))
                        await Scheduler.Announce(new SiloAnnouncement(names[i], 1, ExchangeOf(names[i]), slots[i], devices[names[i]], Leaving: false));
                }
            }
            while (await timer.WaitForNextTickAsync(stopping.Token));
        }
        catch (OperationCanceledException)
        {
        }
    }

    Uri ExchangeOf(string silo) => new(silos[silo].Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>Says that a silo computes on something else, or nothing more of it.</summary>
    public void Device(string silo, string device) => devices[silo] = device;

    public TrainingEngine Engine(string silo) => silos[silo].Services.GetRequiredService<TrainingEngine>();

    /// <summary>Has every worker take 10 ms more for a micro-batch of a job, until the answer is called: a job is not over before it was disturbed.</summary>
    public Action Slows(string job)
    {
        var over = new ManualResetEventSlim();
        foreach (var (name, silo) in silos)
        {
            var engine = silo.Services.GetRequiredService<TrainingEngine>();
            for (var slot = 0; slot < 4; slot++)
                engine.Drill.Delay(job, new WorkerId(name, slot), (_, _) => over.Wait(10));
        }
        return over.Set;
    }

    /// <summary>A job of 8 micro-batches a step; <paramref name="epochs"/> times 8 steps.</summary>
    public JobSpec Spec(string name, int workers = 1, int epochs = 8) => new()
    {
        Name = name,
        Model = new ModelSpec { Path = Path.Combine(Folder, "base") },
        Adapter = new AdapterSpec { Layers = 2, Length = 4 },
        Data = new DataSpec { Path = Path.Combine(Folder, "data.jsonl"), Validation = 8, MaxSequenceLength = 16 },
        Training = new TrainingSpec { Epochs = epochs, GlobalBatchSize = 8, MicroBatchSize = 1, LearningRate = 0.02, WarmupEpochs = 0.5 },
        Workers = workers,
        Device = new DeviceSpec { Kind = DeviceKind.Cpu },
        Checkpoint = new CheckpointSpec { EverySteps = 10 },
        Evaluation = new EvaluationSpec { EverySteps = 16, ExactMatch = 0 },
    };

    public Task<JobEntry> Submit(JobSpec spec, string space = "default") => Scheduler.Submit(space, spec);

    /// <summary>Waits until the queue says so of a job.</summary>
    public async Task<JobEntry> Until(string key, Func<JobEntry, bool> holds, string what)
    {
        var last = "nothing";
        using var limit = new CancellationTokenSource(patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(25));
        do
        {
            try
            {
                var entry = await Scheduler.Find(key);
                if (entry is not null && holds(entry))
                    return entry;
                last = $"{entry?.Stage} {entry?.Phase}, on {string.Join(' ', entry?.Leased ?? [])}: {entry?.Reason}";
            }
            catch (UnavailableException e)
            {
                last = e.Message;
            }
        }
        while (!limit.IsCancellationRequested && await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken));
        throw new TimeoutException($"{key} is not {what}, but {last}\n{string.Join('\n', (await Job(key).Logs(0)).TakeLast(20).Select(line => line.Text))}\n{string.Join('\n', Errors)}");
    }

    public Task<JobEntry> Ends(string key) => Until(key, entry => entry.Stage is JobStage.Completed or JobStage.Failed or JobStage.Cancelled, "over");

    public async Task<JobSnapshot> Completes(string key)
    {
        var entry = await Ends(key);
        Assert.True(entry.Stage == JobStage.Completed, $"{entry.Stage}: {entry.Reason}");
        return await Job(key).Snapshot();
    }

    /// <summary>Waits until so many workers compute.</summary>
    public Task Members(string key, int count) => Until(() => Job(key).Snapshot(), snapshot => snapshot.Members.Count == count, $"computed by {count}");

    /// <summary>Waits until an answer is as it should be.</summary>
    public async Task<T> Until<T>(Func<Task<T>> ask, Func<T, bool> holds, string what)
    {
        using var limit = new CancellationTokenSource(patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        do
        {
            var answer = await ask();
            if (holds(answer))
                return answer;
        }
        while (!limit.IsCancellationRequested && await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken));
        throw new TimeoutException($"not {what}: {await ask()}\n{string.Join('\n', Errors)}");
    }

    /// <summary>Waits until a job has committed a step.</summary>
    public Task Reaches(string key, long step) => Until(() => Job(key).Snapshot(), snapshot => snapshot.Step.Number >= step, $"at step {step}");

    /// <summary>All of a job's events so far.</summary>
    public async Task<List<JobNews>> Events(string key)
    {
        var all = new List<JobNews>();
        while (await Job(key).News(all.Count) is { Count: > 0 } page)
            all.AddRange(page);
        return all;
    }

    /// <summary>Takes a grain's activation out of memory.</summary>
    public static async Task Deactivate(IAddressable grain) => await grain.AsReference<IGrainManagementExtension>().DeactivateOnIdle();

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await announcing;
        foreach (var silo in silos.Values.Reverse())
        {
            await Task.Run(silo.Services.GetRequiredService<TrainingEngine>().Dispose);
            using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            await silo.StopAsync(soon.Token);
            await silo.DisposeAsync();
        }
        stopping.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    sealed class ErrorLog(ConcurrentQueue<string> errors) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => errors.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
