using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Collectives.Tests;

/// <summary>Times the reduction of LLaMA-7B's adapter, 1,229,760 floats, one node per process, over loopback: the figures in the README of the exchange.</summary>
static class Measurement
{
    const int Parameters = 1_229_760;
    const int StepsTimed = 60;

    public static async Task<int> Run(int[] counts)
    {
        Console.WriteLine("fastest ms, median ms, p90 ms, CPU ms per step, bytes allocated per step, digest; of hosts and threads CPU and bytes are those of all together");
        InMemory(1);
        foreach (var count in counts is [] ? [2, 4, 8] : counts)
        {
            InMemory(count);
            await Hosts(count);
            using var processes = Processes.Start(count, Parameters, StepsTimed);
            await processes.Going();
            for (var i = 0; i < count; i++)
                Console.WriteLine($"{count} processes, p{i}: {await processes.Said(i)}");
        }
        return 0;
    }

    static void InMemory(int count)
    {
        var exchange = new InMemoryExchange();
        var peers = Enumerable.Range(0, count).Select(i => new Peer($"p{i}", new Uri($"http://p{i}"))).ToList();
        var said = Steps.OnThreads(count, self => ExchangeProcess.Work(exchange, new Membership("measure", new Generation(1), peers, self, count, Parameters), StepsTimed));
        Console.WriteLine($"{count} in memory: {said[0]}");
    }

    static async Task Hosts(int count)
    {
        await using var cluster = await Cluster.Of(count);
        var said = Steps.OnThreads(count, self => ExchangeProcess.Work(cluster.Hosts[self].Exchange, cluster.Membership(self, count, Parameters), StepsTimed));
        Console.WriteLine($"{count} hosts: {said[0]}");
    }
}
