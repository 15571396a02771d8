using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Engine.Tests;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Harness;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Server.Tests.Hosting;

/// <summary>Servers that are asked to stop in the middle of a job.</summary>
public sealed class DrainingTests(SharedPostgres postgres) : IClassFixture<SharedPostgres>, IDisposable
{
    static readonly TimeSpan patience = TimeSpan.FromMinutes(2);
    static readonly TimeSpan drainedWithin = TimeSpan.FromSeconds(10);      // a step of this job takes some ten milliseconds on a quiet machine

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-draining-");

    [Fact]
    public async Task A_server_that_is_stopped_in_a_job_hands_its_workers_over_and_the_other_ends_it_with_the_same_bytes()
    {
        WriteInputs();
        var database = await postgres.Database();
        await using var a = await Start("a", database);
        await using var b = await Start("b", database);
        var alone = await Completed(b, Spec("alone", workers: 1));
        await Submit(b, Spec("handed-over", workers: 2));
        await Until(b, "handed-over", job => job.Members.Count == 2 && job.Step.Number >= 3);
        var began = Stopwatch.GetTimestamp();
        Assert.True(await a.Stop());
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, drainedWithin);
        var at = await Job(b, "handed-over").Snapshot();
        Assert.True(at.Step < at.Last, "the job was over before its server went");
        var done = await Until(b, "handed-over", job => job.Stage == JobStage.Completed);
        Assert.Equal(alone.AdapterSha256, done.AdapterSha256);
    }

    [Fact]
    public async Task A_server_that_is_alone_and_stopped_in_a_job_goes_on_with_it_when_it_starts_again()
    {
        WriteInputs();
        string alone;
        await using (var server = await Start("a"))
        {
            alone = (await Completed(server, Spec("alone", workers: 1))).AdapterSha256;
            await Submit(server, Spec("stopped", workers: 2));
            await Until(server, "stopped", job => job.Step.Number >= 3);
            var began = Stopwatch.GetTimestamp();
            Assert.True(await server.Stop());
            Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, drainedWithin);
        }
        await using (var server = await Start("a"))
            Assert.Equal(alone, (await Until(server, "stopped", job => job.Stage == JobStage.Completed)).AdapterSha256);
    }

    Task<ServerHost> Start(string name, string? database = null)
    {
        var flags = new Dictionary<string, string?>
        {
            [nameof(ServerOptions.Name)] = name,
            [nameof(ServerOptions.Ports)] = FreePorts.InARow(5).ToString(CultureInfo.InvariantCulture),
            [nameof(ServerOptions.Data)] = Path.Combine(folder.FullName, "data"),
            [nameof(ServerOptions.Cache)] = Path.Combine(folder.FullName, "cache-" + name),
            [nameof(ServerOptions.Models)] = folder.FullName,
            [nameof(ServerOptions.Workers)] = database is null ? "2" : "1",
            [nameof(ServerOptions.Database)] = database,
        };
        return ServerHost.Start(ServerSettings.Read(flags, new Dictionary<string, string?>()), TestContext.Current.CancellationToken);
    }

    static IGrainFactory Grains(ServerHost server) => server.Services.GetRequiredService<IGrainFactory>();

    static IJobGrain Job(ServerHost server, string name) => Grains(server).GetGrain<IJobGrain>(name);

    static Task<JobEntry> Submit(ServerHost server, JobSpec spec) => Grains(server).GetGrain<ISchedulerGrain>(0).Submit("default", spec);

    static async Task<JobSnapshot> Completed(ServerHost server, JobSpec spec)
    {
        await Submit(server, spec);
        return await Until(server, spec.Name, job => job.Stage == JobStage.Completed);
    }

    static async Task<JobSnapshot> Until(ServerHost server, string name, Func<JobSnapshot, bool> holds)
    {
        using var limit = new CancellationTokenSource(patience);
        for (JobSnapshot? last = null; ;)
        {
            if (await Grains(server).GetGrain<ISchedulerGrain>(0).Find(name) is { Phase: not null } && holds(last = await Job(server, name).Snapshot()))
                return last;
            if (limit.IsCancellationRequested || last?.Phase == JobPhase.Failed)
                throw new TimeoutException($"{name} is {last}");
            await Task.Delay(5);
        }
    }

    JobSpec Spec(string name, int workers) => new()
    {
        Name = name,
        Model = new ModelSpec { Path = Path.Combine(folder.FullName, "base") },
        Adapter = new AdapterSpec { Layers = 2, Length = 4 },
        Data = new DataSpec { Path = Path.Combine(folder.FullName, "data.jsonl"), Validation = 8, MaxSequenceLength = 16 },
        Training = new TrainingSpec { Epochs = 12, GlobalBatchSize = 8, MicroBatchSize = 1, LearningRate = 0.02, WarmupEpochs = 0.5 },
        Workers = workers,
        Device = new DeviceSpec { Kind = DeviceKind.Cpu },
        Checkpoint = new CheckpointSpec { EverySteps = 40 },
        Evaluation = new EvaluationSpec { EverySteps = 48, ExactMatch = 0 },
    };

    void WriteInputs()
    {
        RandomBase.Write(Path.Combine(folder.FullName, "base"), vocabulary: 64, dim: 16, layers: 2, heads: 2, hidden: 32);
        var random = new Random(7);
        File.WriteAllLines(Path.Combine(folder.FullName, "data.jsonl"), Enumerable.Range(0, 72).Select(_ =>
        {
            var tokens = Enumerable.Range(0, random.Next(6, 14)).Select(_ => random.Next(3, 64)).ToArray();
            return JsonSerializer.Serialize(new { input_ids = tokens, labels = tokens.Select((token, i) => i < 3 ? -100 : token) });
        }));
    }

    public void Dispose() => folder.Delete(recursive: true);
}
