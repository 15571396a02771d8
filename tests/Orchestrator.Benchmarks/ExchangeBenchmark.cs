using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Numerics.Tensors;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orchestrator.Collectives;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Benchmarks;

/// <summary>
/// The sum of LLaMA-7B's adapter gradient over real processes, one node of the tree each: the exchange over gRPC against <see cref="BareSockets"/>. The two take turns, reduction
/// by reduction, in the same processes.
/// </summary>
static class ExchangeBenchmark
{
    const int Parameters = 1_229_760;
    const int WarmUp = 10;
    const double ErrorMax = 1e-5;

    /// <summary>Measures 2, 4 and 8 processes.</summary>
    public static void Run(Report report, bool quick)
    {
        foreach (var count in (int[])[2, 4, 8])
        {
            var said = Processes(count, quick ? 10 : 60);
            var (ours, bare) = (said.Select(one => one[0]).ToList(), said.Select(one => one[1]).ToList());
            if (said.Any(one => one.Length != 3 || one[2] != said[0][2]))
                throw new InvalidDataException($"the processes do not agree: {string.Join(" | ", said.Select(one => string.Join(' ', one)))}");
            var (here, there) = (Worst(ours), Worst(bare));
            report.Add($"sum of {Parameters:N0} floats over {count} processes, gRPC", Measured(here), $"bare sockets, rank order: {Measured(there)}", here.Median / there.Median, "×", "≤ 2", here.Median <= 2 * there.Median);
        }

        static string Measured((Spread Wall, double Cpu, double Median) one) => string.Create(CultureInfo.InvariantCulture, $"{one.Wall.Text("F1")} ms, {one.Cpu:F1} ms of processor time a process");
    }

    // The slowest process's median, and the mean of what they took of the processor.
    static (Spread Wall, double Cpu, double Median) Worst(List<string> said)
    {
        var all = said.Select(text => text.Split('/').Select(part => double.Parse(part, CultureInfo.InvariantCulture)).ToArray()).ToList();
        var slowest = all.MaxBy(one => one[0])!;
        return (new Spread(slowest[0], slowest[1], slowest[2]), all.Average(one => one[3]), slowest[0]);
    }

    static List<string[]> Processes(int count, int reductions)
    {
        var all = new List<Process>();
        try
        {
            for (var self = 0; self < count; self++)
                all.Add(Process.Start(new ProcessStartInfo(Environment.ProcessPath!, string.Create(CultureInfo.InvariantCulture, $"exchange-process {self} {count} {reductions}")) { RedirectStandardInput = true, RedirectStandardOutput = true })!);
            var addresses = string.Join(' ', all.Select(process => process.StandardOutput.ReadLine()));
            all.ForEach(process => process.StandardInput.WriteLine(addresses));
            return [.. all.Select(process => (process.StandardOutput.ReadLine() ?? "it ended").Split(' '))];
        }
        finally
        {
            foreach (var process in all)
            {
                if (!process.WaitForExit(TimeSpan.FromSeconds(5)))
                    process.Kill();
                process.Dispose();
            }
        }
    }

    /// <summary>One of the processes: prints where it listens, reads where all do, and prints what it measured: median/least/most/processor time of ours, of the sockets, and the sum's digest.</summary>
    public static async Task<int> One(int self, int count, int reductions)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.TuneForGradients();
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddGradientExchange(new ExchangeOptions { PeerSilence = TimeSpan.FromSeconds(30) });
        await using var app = builder.Build();
        app.MapGradientExchange();
        await app.StartAsync();
        using var sockets = new BareSockets();
        Console.WriteLine($"{app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()},{sockets.Port}");
        var addresses = Console.ReadLine()!.Split(' ').Select(pair => pair.Split(',')).ToList();
        var membership = new Membership("benchmark", new Generation(1), [.. addresses.Select((pair, i) => new Peer($"p{i}", new Uri(pair[0])))], self, count, Parameters);
        Console.WriteLine(await Task.Factory.StartNew(() =>
        {
            sockets.Connect(self, [.. addresses.Select(pair => int.Parse(pair[1], CultureInfo.InvariantCulture))]);
            return Measure(app.Services.GetRequiredService<IGradientExchange>(), membership, sockets, reductions);
        }, TaskCreationOptions.LongRunning));
        return 0;
    }

    static string Measure(IGradientExchange exchange, Membership membership, BareSockets sockets, int reductions)
    {
        using var session = exchange.Join(membership);
        var random = new Random(membership.Self);
        var mine = new PartialSum { Node = TreeNode.Leaf(membership.Self), Gradient = [.. Enumerable.Range(0, Parameters).Select(_ => random.NextSingle() - 0.5f)], LossSum = 1, Tokens = 1 };
        var (ours, bare, slice, other) = (new float[Parameters], new float[Parameters], new float[Parameters], new float[Parameters]);
        var took = new List<Measurement>[] { [], [] };
        for (var step = 1; step <= WarmUp + reductions; step++)
        {
            var one = OfProcess(() =>
            {
                session.Contribute(new Step(step), mine);
                session.Reduce(new Step(step), StopWish.None, ours, CancellationToken.None);
            });
            mine.Gradient.CopyTo(bare, 0);
            sockets.Reduce(new float[membership.Peers.Count], slice, other);           // all are here
            var two = OfProcess(() => sockets.Reduce(bare, slice, other));
            if (step <= WarmUp)
                continue;
            took[0].Add(one);
            took[1].Add(two);
        }
        var digest = Convert.ToHexString(SHA256.HashData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(ours.AsSpan())))[..16];
        var largest = Math.Abs(TensorPrimitives.MaxMagnitude<float>(ours));
        TensorPrimitives.Subtract(ours, bare, bare);
        if (largest == 0 || Math.Abs(TensorPrimitives.MaxMagnitude<float>(bare)) > ErrorMax * largest)
            return "the sums differ";
        return $"{Text(took[0])} {Text(took[1])} {digest}";

        static string Text(List<Measurement> all)
        {
            var wall = Spread.Of(all.Select(one => 1e3 * one.Wall));
            return string.Create(CultureInfo.InvariantCulture, $"{wall.Median:F3}/{wall.Least:F3}/{wall.Most:F3}/{1e3 * all.Average(one => one.Cpu):F3}");
        }
    }

    // Other threads of the process do most of the work.
    static Measurement OfProcess(Action run)
    {
        var (cpu, start) = (Environment.CpuUsage, Stopwatch.GetTimestamp());
        run();
        var after = Environment.CpuUsage;
        return new Measurement(Stopwatch.GetElapsedTime(start).TotalSeconds, (after.TotalTime - cpu.TotalTime).TotalSeconds, (after.PrivilegedTime - cpu.PrivilegedTime).TotalSeconds);
    }
}
