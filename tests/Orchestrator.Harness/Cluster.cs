using Orchestrator.Api.V1;

namespace Orchestrator.Harness;

/// <summary>How a cluster of a test differs from the usual one.</summary>
public sealed record ClusterSetup
{
    /// <summary>The folder that the servers share; one of the test's own, removed at the end, by default.</summary>
    public string? Data { get; init; }

    /// <summary>Further arguments of a server, by its number.</summary>
    public Func<int, string[]> More { get; init; } = _ => [];

    /// <summary>Variables of a server, by its number.</summary>
    public Func<int, IReadOnlyDictionary<string, string>> Environment { get; init; } = _ => new Dictionary<string, string>();

    /// <summary>Words before a server's command, by its number: a program that runs another.</summary>
    public Func<int, string[]> Through { get; init; } = _ => [];

    /// <summary>The address by which a server, and by number 0 the database, is reached.</summary>
    public Func<int, string> Host { get; init; } = _ => "127.0.0.1";
}

/// <summary>Real servers, each a process of its own, that share a PostgreSQL and a data folder; their names are a, b, c, and their numbers begin with 1. What it started is gone with it.</summary>
public sealed class Cluster : IAsyncDisposable
{
    readonly DirectoryInfo? folder;
    readonly List<ServerProcess> servers = [];

    Cluster(PostgresServer database, DirectoryInfo? folder, string data)
    {
        (Database, this.folder, Data) = (database, folder, data);
        Client = new ApiClient(() => servers.Where(server => server.IsAlive).Select(server => server.Api));
    }

    /// <summary>Starts a cluster and waits until its servers take calls.</summary>
    /// <param name="servers">how many</param>
    /// <param name="workers">how many each of them has</param>
    /// <param name="setup">what is unusual about it</param>
    public static async Task<Cluster> Of(int servers, int workers, ClusterSetup? setup = null)
    {
        setup ??= new ClusterSetup();
        var folder = setup.Data is null ? Directory.CreateTempSubdirectory("orchestrator-cluster-") : null;
        var cluster = new Cluster(await PostgresServer.Start(setup.Host(0)), folder, setup.Data ?? folder!.FullName);
        try
        {
            for (var number = 1; number <= servers; number++)
            {
                cluster.servers.Add(ServerProcess.Begin(NameOf(number), cluster.Data, cluster.Database.Connection, workers, more: setup.More(number), environment: setup.Environment(number),
                    through: setup.Through(number), host: setup.Host(number)));
            }
            await Task.WhenAll(cluster.servers.Select(server => server.Ready()));
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    static string NameOf(int number) => $"{(char)('a' + number - 1)}";

    /// <summary>The folder that the servers share.</summary>
    public string Data { get; }

    /// <summary>The database that they share.</summary>
    public PostgresServer Database { get; }

    /// <summary>The API, at whichever server lives.</summary>
    public ApiClient Client { get; }

    /// <summary>All of them.</summary>
    public IReadOnlyList<ServerProcess> Servers => servers;

    /// <summary>One of them, by its number from 1.</summary>
    public ServerProcess Server(int number) => servers[number - 1];

    /// <summary>One of them, by its name.</summary>
    public ServerProcess Server(string name) => servers.Single(server => server.Name == name);

    /// <summary>Gives a job to the cluster.</summary>
    /// <param name="spec">the job</param>
    /// <param name="space">its namespace: the same job may run in several</param>
    /// <param name="workers">how many compute</param>
    public async Task<ClusterJob> Submit(string spec, string space, int workers)
    {
        var request = new SubmitRequest { Namespace = space, Spec = spec, Set = { $"workers={workers}" } };
        var job = await Client.Ask((way, options) => new Jobs.JobsClient(way).SubmitAsync(request, options));
        return new ClusterJob(this, space, job.Name);
    }

    /// <summary>Starts those again that have gone, and waits until all take calls and the scheduler knows their workers.</summary>
    public async Task Whole()
    {
        await Task.WhenAll(servers.Select(Up));
        await Eventually.Holds(async () =>
        {
            var known = await Client.Ask((way, options) => new Workers.WorkersClient(way).ListAsync(new ListWorkersRequest(), options));
            return known.Servers.Count == servers.Count;
        }, TimeSpan.FromSeconds(30), "all servers are known", Logs);
    }

    // One that was frozen and is given up by its cluster ends by itself, perhaps while it is waited for.
    static async Task Up(ServerProcess server)
    {
        try
        {
            if (server.IsAlive)
                await server.Ready();
        }
        catch (InvalidOperationException) when (!server.IsAlive)
        {
        }
        if (!server.IsAlive)
            await server.Again();
    }

    /// <summary>What all of them have written.</summary>
    public string Logs() => string.Join(Environment.NewLine, servers.Select(server => $"---- {server.Name}, {(server.IsAlive ? "alive" : "gone")}{Environment.NewLine}{server.Log}"));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        foreach (var server in servers)
            await server.DisposeAsync();
        await Database.DisposeAsync();
        folder?.Delete(recursive: true);
    }
}
