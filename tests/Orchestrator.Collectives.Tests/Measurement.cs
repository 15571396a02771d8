using System.Diagnostics;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Collectives.Tests;

/// <summary>Times the reduction of LLaMA-7B's adapter, 1,229,760 floats, one node per process, over loopback: the numbers in the README of the exchange.</summary>
static class Measurement
{
    const int Parameters = 1_229_760;
    const int StepsTimed = 60;

    public static async Task<int> Run(int[] counts)
    {
        Alone();
        foreach (var count in counts is [] ? [2, 4, 8] : counts)
        {
            using var processes = Processes.Start(count, Parameters, StepsTimed);
            await processes.Going();
            for (var i = 0; i < count; i++)
                Console.WriteLine($"{count} processes, p{i}: {await processes.Said(i)}   (median ms, p90 ms, bytes allocated per step, digest)");
        }
        return 0;
    }

    static void Alone()
    {
        using var session = new InMemoryExchange().Join(new Membership("alone", new Generation(1), [new Peer("p0", new Uri("http://p0"))], 0, 4, Parameters));
        var node = new PartialSum { Node = new TreeNode(0, 4), Gradient = new float[Parameters], LossSum = 1, Tokens = 1 };
        var gradient = new float[Parameters];
        var took = new List<double>();
        var allocated = 0L;
        for (var step = 1; step <= StepsTimed + 10; step++)
        {
            allocated = step == 11 ? GC.GetTotalAllocatedBytes(precise: true) : allocated;
            var start = Stopwatch.GetTimestamp();
            session.Contribute(new Step(step), node);
            session.Reduce(new Step(step), StopWish.None, gradient, CancellationToken.None);
            took.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        Console.WriteLine($"1 process: {took.Order().ElementAt(took.Count / 2):0.00} ms, {(GC.GetTotalAllocatedBytes(precise: true) - allocated) / StepsTimed} bytes allocated per step");
    }
}
