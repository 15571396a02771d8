using Orchestrator.Harness;

[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

namespace Orchestrator.Cluster.Tests;

/// <summary>Three servers with two workers each, and the job that all of these tests run, each in a namespace of its own. Whoever kills a server starts it again, or leaves that to the next.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-faults-");
    Harness.Cluster? cluster;
    AlpacaJob? job;
    int spaces;

    /// <summary>The servers.</summary>
    public Harness.Cluster Servers => cluster!;

    /// <summary>The job, and how it has to end.</summary>
    public AlpacaJob Job => job!;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        job = await AlpacaJob.Trained(folder.FullName, Steps);
        cluster = await Harness.Cluster.Of(servers: 3, workers: 2);
    }

    /// <summary>How many steps the job has.</summary>
    public const int Steps = 60;

    /// <summary>Submits the job once more, to a cluster of which everything lives.</summary>
    public async Task<ClusterJob> Begun(int workers)
    {
        await Servers.Whole();
        return await Servers.Submit(Job.Spec, $"t{Interlocked.Increment(ref spaces)}", workers);
    }

    public async ValueTask DisposeAsync()
    {
        if (cluster is not null)
            await cluster.DisposeAsync();
        folder.Delete(recursive: true);
    }
}

[CollectionDefinition(Name)]
public sealed class OneCluster : ICollectionFixture<SharedCluster>
{
    public const string Name = "one cluster";
}
