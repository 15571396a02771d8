using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Reduction;
using static System.FormattableString;

namespace Orchestrator.Collectives.Tests;

/// <summary>
/// One real process of an exchange. It prints its address, reads those of all from its input, reduces steps with one node per process and prints what it saw:
/// <c>done FASTEST_MS MEDIAN_MS P90_MS CPU_MS_PER_STEP BYTES_PER_STEP SHA256</c> or <c>lost NAME: REASON</c>.
/// </summary>
static class ExchangeProcess
{
    const int WarmUp = 10;

    public static async Task<int> Run(string[] args)
    {
        var (self, processes, parameters, steps) = (Number(args[0]), Number(args[1]), Number(args[2]), Number(args[3]));
        await using var host = await Host.Start();
        Console.WriteLine(host.Address);
        var peers = Console.ReadLine()!.Split(' ').Select((address, i) => new Peer($"p{i}", new Uri(address))).ToList();
        var membership = new Membership("measure", new Generation(1), peers, self, processes, parameters);
        Console.WriteLine(await Task.Factory.StartNew(   // a thread of its own: one of the pool's, kept waiting, is missed by those who read
            () => Work(host.Exchange, membership, steps, () => Console.WriteLine("going")), TaskCreationOptions.LongRunning));
        return 0;
    }

    public static string Work(IGradientExchange exchange, Membership membership, int steps, Action? going = null)
    {
        using var session = exchange.Join(membership);
        var node = new PartialSum
        {
            Node = TreeNode.Leaf(membership.Self), Gradient = Gradients.Random(1, membership.Parameters, membership.Self).Leaves[0], LossSum = membership.Self, Tokens = 1,
        };
        var gradient = new float[membership.Parameters];
        var took = new List<double>(Math.Min(steps, 1000));
        var (allocated, cpu) = (0L, TimeSpan.Zero);
        try
        {
            for (var step = 1; step <= steps + WarmUp; step++)
            {
                if (step == WarmUp + 1)
                    (allocated, cpu) = (GC.GetTotalAllocatedBytes(precise: true), Environment.CpuUsage.TotalTime);
                var start = Stopwatch.GetTimestamp();
                session.Contribute(new Step(step), node);
                session.Reduce(new Step(step), StopWish.None, gradient, CancellationToken.None);
                if (step == WarmUp)
                    going?.Invoke();
                if (step > WarmUp)
                    took.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }
        catch (PeerLostException e)
        {
            return $"lost {e.Process}: {e.Reason}";
        }
        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        cpu = Environment.CpuUsage.TotalTime - cpu;
        took.Sort();
        var digest = Convert.ToHexString(SHA256.HashData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(gradient.AsSpan())))[..16];
        return Invariant($"done {took[0]:0.00} {took[steps / 2]:0.00} {took[steps * 9 / 10]:0.00} {cpu.TotalMilliseconds / steps:0.0} {allocated / steps} {digest}");
    }

    static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}

/// <summary>Several <see cref="ExchangeProcess"/>es, started from a test.</summary>
sealed class Processes : IDisposable
{
    readonly List<Process> all = [];

    public static Processes Start(int count, int parameters, int steps)
    {
        var started = new Processes();
        for (var i = 0; i < count; i++)
            started.all.Add(Process.Start(new ProcessStartInfo(Environment.ProcessPath!, Invariant($"process {i} {count} {parameters} {steps}"))
            {
                RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false,
            })!);
        var addresses = string.Join(' ', started.all.Select(process => process.StandardOutput.ReadLine()));
        foreach (var process in started.all)
        {
            process.StandardInput.WriteLine(addresses);
            process.StandardInput.Flush();
        }
        return started;
    }

    public Process this[int i] => all[i];

    /// <summary>All of them have reduced some steps.</summary>
    public async Task Going()
    {
        foreach (var process in all)
            Assert.Equal("going", await process.StandardOutput.ReadLineAsync());
    }

    /// <summary>What a process had to say in the end.</summary>
    public Task<string?> Said(int i) => all[i].StandardOutput.ReadLineAsync();

    public void Dispose()
    {
        foreach (var process in all)
        {
            if (!process.HasExited)
                process.Kill();
            process.Dispose();
        }
    }
}
