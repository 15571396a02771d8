using System.Diagnostics;
using System.Net;
using Npgsql;
using Orchestrator.Harness;

namespace Orchestrator.Server.Tests.Hosting;

/// <summary>Real servers that share a real PostgreSQL.</summary>
public sealed class SharedDatabaseTests : IDisposable
{
    const int Active = 3;
    const int Dead = 6;

    readonly DirectoryInfo data = Directory.CreateTempSubdirectory("orchestrator-shared-");

    [Fact]
    public async Task Servers_find_each_other_and_one_that_was_killed_takes_its_place_again()
    {
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        await using var postgres = await PostgresServer.Start();
        await using var source = NpgsqlDataSource.Create(postgres.Connection);
        var both = await Task.WhenAll(Start("a", postgres), Start("b", postgres));
        await using var a = both[0];
        await using var b = both[1];
        Assert.Equal([("a", Active), ("b", Active)], await Members(source));

        await a.Kill();
        await a.Again();
        Assert.Equal([("a", Dead), ("a", Active), ("b", Active)], await Members(source));

        Assert.Equal(0, await b.Terminate());
        Assert.Equal([("a", Dead), ("a", Active), ("b", Dead)], await Members(source));
    }

    [Fact]
    public async Task A_server_that_hung_while_its_cluster_gave_it_up_ends_when_it_wakes_and_takes_its_place_again()
    {
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        await using var postgres = await PostgresServer.Start();
        await using var source = NpgsqlDataSource.Create(postgres.Connection);
        var both = await Task.WhenAll(Start("a", postgres), Start("b", postgres));
        await using var a = both[0];
        await using var b = both[1];
        b.Freeze();
        await Become(source, [("a", Active), ("b", Dead)]);
        b.Thaw();
        Assert.Equal(1, await b.Gone());
        await b.Says("MembershipLost: this server is no member of its cluster any more, and ends: ");
        Assert.DoesNotContain("   at ", b.Log, StringComparison.Ordinal);
        await b.Again();
        Assert.Equal([("a", Active), ("b", Dead), ("b", Active)], await Members(source));
    }

    [Fact]
    public async Task A_server_outlives_its_database_and_can_leave_without_it()
    {
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        await using var postgres = await PostgresServer.Start();
        await using var server = await Start("a", postgres);
        using var http = new HttpClient { BaseAddress = server.Http };
        await postgres.Halt();
        Assert.Contains("\"database\":\"", await Ready(), StringComparison.Ordinal);
        Assert.Contains("\"status\":\"Degraded\"", await Ready(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/healthz", TestContext.Current.CancellationToken)).StatusCode);
        await postgres.Go();
        Assert.Contains("\"status\":\"Healthy\"", await Ready(), StringComparison.Ordinal);
        await postgres.Halt();
        var began = Stopwatch.GetTimestamp();
        Assert.Equal(0, await server.Terminate());
        Assert.InRange(Stopwatch.GetElapsedTime(began).TotalSeconds, 0, 15);

        async Task<string> Ready()
        {
            using var answer = await http.GetAsync("/readyz", TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return await answer.Content.ReadAsStringAsync();
        }
    }

    [Fact]
    public async Task A_server_waits_for_a_database_that_starts_after_it()
    {
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        await using var postgres = await PostgresServer.Start();
        await postgres.Halt();
        await using var server = ServerProcess.Begin("a", data.FullName, postgres.Connection, workers: 0);
        await server.Says("DatabaseAwaited: no PostgreSQL at 127.0.0.1:");
        await postgres.Go();
        await server.Ready();
    }

    Task<ServerProcess> Start(string name, PostgresServer postgres) => ServerProcess.Start(name, data.FullName, postgres.Connection, workers: 0);

    static async Task Become(NpgsqlDataSource source, List<(string Name, int Status)> wanted)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!wanted.SequenceEqual(await Members(source)))
            await Task.Delay(100, patience.Token);
    }

    static async Task<List<(string Name, int Status)>> Members(NpgsqlDataSource source)
    {
        await using var command = source.CreateCommand("select SiloName, Status from OrleansMembershipTable order by SiloName, Generation");
        await using var rows = await command.ExecuteReaderAsync();
        List<(string, int)> members = [];
        while (await rows.ReadAsync())
            members.Add((rows.GetString(0), rows.GetInt32(1)));
        return members;
    }

    public void Dispose() => data.Delete(recursive: true);
}
