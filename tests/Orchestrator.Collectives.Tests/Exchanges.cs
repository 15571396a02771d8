using System.Numerics.Tensors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Collectives.Tests;

/// <summary>A process of a test: a host on a free loopback port.</summary>
sealed class Host : IAsyncDisposable
{
    readonly WebApplication app;

    Host(WebApplication app) => this.app = app;

    public GradientExchange Exchange => app.Services.GetRequiredService<GradientExchange>();

    public StateCopy StateCopy => app.Services.GetRequiredService<StateCopy>();

    public Uri Address => new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    public static async Task<Host> Start(ExchangeOptions? options = null, int port = 0, Action<WebApplication>? map = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.TuneForGradients();
            kestrel.Listen(System.Net.IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddGradientExchange(options ?? new ExchangeOptions());
        var app = builder.Build();
        (map ?? (all => all.MapGradientExchange()))(app);
        await app.StartAsync();
        return new Host(app);
    }

    public Task Stop() => app.StopAsync(new CancellationToken(canceled: true));

    public ValueTask DisposeAsync() => app.DisposeAsync();
}

/// <summary>Several processes, and what they share.</summary>
sealed class Cluster : IAsyncDisposable
{
    public required IReadOnlyList<Host> Hosts { get; init; }

    public static async Task<Cluster> Of(int processes, ExchangeOptions? options = null)
        => new() { Hosts = await Task.WhenAll(Enumerable.Range(0, processes).Select(_ => Host.Start(options))) };

    public IReadOnlyList<Peer> Peers => [.. Hosts.Select((host, i) => new Peer($"p{i}", host.Address))];

    public Membership Membership(int self, int microBatches = 4, int parameters = 1000, long generation = 1, string job = "alpaca")
        => new(job, new Generation(generation), [.. Peers], self, microBatches, parameters);

    public async ValueTask DisposeAsync()
    {
        foreach (var host in Hosts)
            await host.DisposeAsync();
    }
}

/// <summary>The micro-batches of one step, and the sum as one process makes it.</summary>
sealed record Gradients(float[][] Leaves, double[] Losses, long[] Tokens)
{
    public static Gradients Random(int microBatches, int parameters, int seed)
    {
        var random = new Random(seed);
        return new(
            [.. Enumerable.Range(0, microBatches).Select(_ => Enumerable.Range(0, parameters).Select(_ => (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-6, 6)))).ToArray())],
            [.. Enumerable.Range(0, microBatches).Select(_ => random.NextDouble() * 100)],
            [.. Enumerable.Range(0, microBatches).Select(_ => random.NextInt64(1, 4000))]);
    }

    /// <summary>The finished subtrees of the micro-batches that <paramref name="holds"/> names.</summary>
    public IReadOnlyList<PartialSum> Fold(Func<int, bool> holds)
    {
        var tree = new CanonicalTree<PartialSum>(Leaves.Length, (left, right) =>
        {
            TensorPrimitives.Add(left.Gradient, right.Gradient, left.Gradient);
            left.LossSum += right.LossSum;
            left.Tokens += right.Tokens;
            left.Node = new TreeNode(left.Node.Lo, right.Node.Hi);
            return left;
        });
        for (var m = Leaves.Length - 1; m >= 0; m--)
            if (holds(m))
                tree.Add(TreeNode.Leaf(m), new PartialSum { Node = TreeNode.Leaf(m), Gradient = [.. Leaves[m]], LossSum = Losses[m], Tokens = Tokens[m] });
        return [.. tree.Finished.Select(finished => finished.Value)];
    }

    public PartialSum Sum => Fold(_ => true).Single();
}

/// <summary>The verbs of a step.</summary>
static class Steps
{
    /// <summary>Threads that stand for processes; the first failure is thrown.</summary>
    public static T[] OnThreads<T>(int count, Func<int, T> run)
    {
        var results = new T[count];
        var failures = new Exception?[count];
        var threads = Enumerable.Range(0, count).Select(i => new Thread(() =>
        {
            try { results[i] = run(i); }
            catch (Exception e) { failures[i] = e; }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        return failures.FirstOrDefault(failure => failure is not null) is { } first ? throw new AggregateException(failures.OfType<Exception>()) : results;
    }

    public static (float[] Gradient, ReducedStep Step) Run(this IExchangeSession session, long step, IEnumerable<PartialSum> nodes, int parameters, StopWish wish = StopWish.None)
    {
        foreach (var node in nodes)
        {
            session.Contribute(new Step(step), node);
            node.Gradient.AsSpan().Fill(float.NaN);   // the caller may reuse the memory
        }
        var gradient = new float[parameters];
        return (gradient, session.Reduce(new Step(step), wish, gradient, TestContext.Current.CancellationToken));
    }

    public static void SameBits(PartialSum expected, (float[] Gradient, ReducedStep Step) reduced)
    {
        Assert.Equal(System.Runtime.InteropServices.MemoryMarshal.AsBytes(expected.Gradient.AsSpan()), System.Runtime.InteropServices.MemoryMarshal.AsBytes(reduced.Gradient.AsSpan()));
        Assert.Equal(BitConverter.DoubleToInt64Bits(expected.LossSum), BitConverter.DoubleToInt64Bits(reduced.Step.LossSum));
        Assert.Equal(expected.Tokens, reduced.Step.Tokens);
    }
}
