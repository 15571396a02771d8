using System.Diagnostics;
using System.Globalization;
using Orchestrator.Harness;
using Orchestrator.Learning.Files;

namespace Orchestrator.Cluster.Tests;

/// <summary>
/// The fault table for longer than a test may take, and its figures:
/// <c>kills --count 100 --seed 1</c>, <c>chaos --minutes 10 --seed 1</c>, <c>overhead --workers 4</c>. Ends with 0 if what was promised held.
/// </summary>
static class LongForms
{
    const double KillRecoverySeconds = 1;
    const double GoodputMin = 0.95;
    const double OverheadMax = 0.02;
    const int LongMicro = 14;           // samples that take some 100 ms
    const int WorkersKilledMore = 6;    // times in a round of all faults
    static readonly TimeSpan betweenFaults = TimeSpan.FromSeconds(15);
    static readonly TimeSpan everything = TimeSpan.FromHours(2);

    /// <summary>One worker's process after the other is killed, each at another moment of a step; a job that ends is followed by the next.</summary>
    public static async Task<int> Kills(int count, int seed)
    {
        await using var scene = await Scene.Set(steps: Math.Min(300, 50 + count * 10));
        var random = new Random(seed);
        List<TimeSpan> pauses = [];
        var (wrong, job) = (0, (ClusterJob?)null);
        while (pauses.Count < count)
        {
            job ??= await scene.Next();
            await job.Is(now => now.Workers == Scene.Workers || now.Step > scene.Steps - 30, "is whole again");
            if (job.Written > scene.Steps - 30)      // too near its end to see it go on
            {
                wrong += await scene.Ends(job) ? 0 : 1;
                job = null;
                continue;
            }
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(300, 1000)));
            var victim = await job.Bystander();
            await victim.Kill();
            pauses.Add(await job.LongestPause());
            Say($"kill {pauses.Count}: {victim.Name} in step {job.Written}, next step after {pauses[^1].TotalSeconds:0.000} s");
            await victim.Again();
        }
        wrong += job is null || await scene.Ends(job) ? 0 : 1;
        Say($"{count} kills: {Quantiles(pauses)}; {scene.Jobs} jobs, {wrong} with another digest or ledger than the undisturbed one; steps lost: {(wrong == 0 ? 0 : "some")}");
        return wrong == 0 && Quantile(pauses, 0.99).TotalSeconds <= KillRecoverySeconds ? 0 : 1;
    }

    /// <summary>One job that takes so many minutes, and every kind of fault, in an order that follows from the seed.</summary>
    public static async Task<int> Chaos(double minutes, int seed)
    {
        await using var scene = await Scene.Set(await Scene.StepsFor(TimeSpan.FromMinutes(minutes), LongMicro), LongMicro);
        var random = new Random(seed);
        var (job, began, end) = (await scene.Next(), Stopwatch.GetTimestamp(), TimeSpan.FromMinutes(minutes));
        await job.Reaches(5);
        List<(Fault Kind, TimeSpan Pause)> faults = [];
        var deck = new Queue<Fault>();
        while (Stopwatch.GetElapsedTime(began) < end && job.Written < scene.Steps - 20)
        {
            if (deck.Count == 0)
                deck = Dealt(random);
            var kind = deck.Dequeue();
            var next = Task.Delay(betweenFaults * -Math.Log(1 - random.NextDouble()));
            await scene.Cluster.Whole();
            await next;
            if (job.Written >= scene.Steps - 20)
                break;
            faults.Add((kind, await scene.Inflict(kind, job, random)));
            Say($"{Stopwatch.GetElapsedTime(began):mm\\:ss}  {kind}: next step after {faults[^1].Pause.TotalSeconds:0.00} s, in step {job.Written} of {scene.Steps}");
        }
        await scene.Cluster.Whole();
        var same = await scene.Ends(job);
        var now = await job.Now();
        foreach (var kind in faults.GroupBy(fault => fault.Kind))
            Say($"{kind.Key}: {kind.Count()} times, {Quantiles([.. kind.Select(fault => fault.Pause)])}");
        Say($"{faults.Count} faults in {Stopwatch.GetElapsedTime(began).TotalMinutes:0.0} minutes: {Quantiles([.. faults.Select(fault => fault.Pause)])}");
        Say($"goodput {now.Goodput:P1}: {string.Join(", ", now.WorkerSeconds.OrderByDescending(state => state.Value).Select(state => $"{state.Key} {state.Value:0.0} s"))}");
        Say(same ? "steps lost: 0; the digest and the ledger of the undisturbed run" : "the digest or the ledger is NOT that of the undisturbed run");
        return same && now.Goodput >= GoodputMin && faults.Select(fault => fault.Kind).Distinct().Count() == Enum.GetValues<Fault>().Length ? 0 : 1;
    }

    // Each kind once before any comes again, but workers die most often.
    static Queue<Fault> Dealt(Random random)
        => new(Enum.GetValues<Fault>().Concat(Enumerable.Repeat(Fault.WorkerKilled, WorkersKilledMore)).OrderBy(_ => random.Next()));

    /// <summary>How much of the workers' time is not computing, where a micro-batch takes some 100 ms.</summary>
    public static async Task<int> Overhead(int workers)
    {
        await using var scene = await Scene.Set(steps: 24, LongMicro, microBatches: 32);
        var job = await scene.Next(workers);
        var same = await scene.Ends(job);
        var now = await job.Now();
        var (compute, other) = (now.WorkerSeconds.GetValueOrDefault("compute"), now.WorkerSeconds.Where(state => state.Key is not ("compute" or "load" or "idle")).Sum(state => state.Value));
        Say($"{workers} workers: {string.Join(", ", now.WorkerSeconds.OrderByDescending(state => state.Value).Select(state => $"{state.Key} {state.Value:0.00} s"))}");
        Say($"outside compute, once loaded: {other / (compute + other):P1}; goodput {now.Goodput:P1}");
        return same && other / (compute + other) <= OverheadMax ? 0 : 1;
    }

    static string Quantiles(IReadOnlyList<TimeSpan> times)
        => string.Create(CultureInfo.InvariantCulture, $"recovery p50 {Quantile(times, 0.5).TotalSeconds:0.00} s, p99 {Quantile(times, 0.99).TotalSeconds:0.00} s, max {Quantile(times, 1).TotalSeconds:0.00} s");

    static TimeSpan Quantile(IReadOnlyList<TimeSpan> times, double share)
        => times.Count == 0 ? TimeSpan.Zero : times.Order().ElementAt(Math.Max(0, (int)Math.Ceiling(share * times.Count) - 1));

    static void Say(string line) => Console.WriteLine(line);

    /// <summary>What is done to a cluster.</summary>
    enum Fault
    {
        WorkerKilled,
        DeciderKilled,
        HalfKilled,
        AllKilled,
        WorkerHangs,
        DatabaseStopped,
    }

    /// <summary>A cluster, and a job that is known to the byte.</summary>
    sealed class Scene : IAsyncDisposable
    {
        public const int Workers = 6;

        readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-long-");
        AlpacaJob? job;
        Harness.Cluster? cluster;

        public int Steps { get; private init; }

        public int Jobs { get; private set; }

        public Harness.Cluster Cluster => cluster!;

        public static async Task<Scene> Set(int steps, int micro = 2, int microBatches = 12)
        {
            var scene = new Scene { Steps = steps };
            try
            {
                var began = Stopwatch.GetTimestamp();
                scene.job = await AlpacaJob.Trained(scene.folder.FullName, steps, batch: microBatches * micro, micro: micro);
                Say($"{steps} steps by one worker, undisturbed: {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s, SHA-256 {scene.job.Digest}");
                scene.cluster = await Harness.Cluster.Of(servers: 3, workers: 2);
                return scene;
            }
            catch
            {
                await scene.DisposeAsync();
                throw;
            }
        }

        /// <summary>How many steps last so long on this machine: two cores do what one worker does in half of the time, and a little more.</summary>
        public static async Task<int> StepsFor(TimeSpan time, int micro)
        {
            const int few = 20;
            var folder = Directory.CreateTempSubdirectory("orchestrator-speed-");
            try
            {
                var job = await AlpacaJob.Trained(folder.FullName, few, batch: 12 * micro, micro: micro);
                return Math.Max(60, (int)(time.TotalSeconds / job.StepSeconds * Math.Min(Workers, Environment.ProcessorCount) * 0.8) / 10 * 10);
            }
            finally
            {
                folder.Delete(recursive: true);
            }
        }

        public async Task<ClusterJob> Next(int workers = Workers)
        {
            await Cluster.Whole();
            var next = await Cluster.Submit(job!.Spec, $"j{++Jobs}", workers);
            await next.Reaches(2);
            return next;
        }

        public async Task<bool> Ends(ClusterJob ended)
            => await ended.Completed(everything) == job!.Digest && new FileDigests(cacheFolder: null).Sha256(ended.Run.Adapter) == job.Digest && await File.ReadAllTextAsync(ended.Run.Ledger) == job.Ledger;

        public async Task<TimeSpan> Inflict(Fault kind, ClusterJob job, Random random)
        {
            switch (kind)
            {
                case Fault.WorkerKilled:
                    await (await job.Bystander()).Kill();
                    return await job.LongestPause();
                case Fault.DeciderKilled:
                    await (await job.Decider()).Kill();
                    return await job.LongestPause();
                case Fault.HalfKilled:
                    var spared = random.Next(Cluster.Servers.Count);
                    await Task.WhenAll(Cluster.Servers.Where((_, number) => number != spared).Select(server => server.Kill()));
                    return await job.LongestPause();
                case Fault.AllKilled:
                    await Task.WhenAll(Cluster.Servers.Select(server => server.Kill()));
                    await Cluster.Whole();
                    return await job.LongestPause();
                case Fault.WorkerHangs:
                    var sleeper = await job.Bystander();
                    sleeper.Freeze();
                    var pause = await job.LongestPause();
                    await job.Goes(steps: 5);
                    sleeper.Thaw();
                    return pause;
                default:
                    await Cluster.Database.Halt();
                    var without = await job.LongestPause();
                    await job.Reaches(Math.Min(Steps, job.Written + 20));
                    await Cluster.Database.Go();
                    return without;
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (cluster is not null)
                await cluster.DisposeAsync();
            folder.Delete(recursive: true);
        }
    }
}
