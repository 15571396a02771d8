using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Orchestrator.Harness;
using Orchestrator.Protocol;
using Orchestrator.Server.Database;

namespace Orchestrator.Server.Tests.Hosting;

/// <summary>A PostgreSQL that all tests of a class share; null where none is installed.</summary>
public sealed class SharedPostgres : IAsyncLifetime
{
    PostgresServer? server;

    public PostgresServer Server => server ?? throw new InvalidOperationException(PostgresServer.Missing);

    public async ValueTask InitializeAsync()
    {
        if (PostgresServer.IsInstalled)
            server = await PostgresServer.Start();
    }

    public async ValueTask DisposeAsync()
    {
        if (server is not null)
            await server.DisposeAsync();
    }

    /// <summary>The way to a new, empty database.</summary>
    public async Task<string> Database()
    {
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        var name = string.Create(CultureInfo.InvariantCulture, $"t{Guid.NewGuid():N}");
        await using var source = NpgsqlDataSource.Create(Server.Connection);
        await using var command = source.CreateCommand($"create database {name}");
        await command.ExecuteNonQueryAsync();
        return Server.ConnectionTo(name);
    }
}

public sealed class DatabaseTests(SharedPostgres postgres) : IClassFixture<SharedPostgres>
{
    [Fact]
    public async Task Ten_servers_that_start_at_once_make_one_schema()
    {
        var connection = await postgres.Database();
        await Task.WhenAll(Enumerable.Range(0, 10).Select(n => Prepared(connection, $"s{n}")));
        await using var source = NpgsqlDataSource.Create(connection);
        Assert.Equal(["0001-cluster.sql", "0002-states.sql", "0003-reminders.sql"], await Column(source, "select Script from OrchestratorSchema order by Version"));
        Assert.Equal(
            ["orchestratorschema", "orleansmembershiptable", "orleansmembershipversiontable", "orleansquery", "orleansreminderstable", "orleansstorage"],
            await Column(source, "select tablename::text from pg_tables where schemaname = 'public' order by 1"));
    }

    [Fact]
    public async Task A_schema_of_a_newer_program_is_refused()
    {
        var connection = await postgres.Database();
        await Prepared(connection, "old");
        await using var source = NpgsqlDataSource.Create(connection);
        await Column(source, "insert into OrchestratorSchema values (99, '0099-later.sql', '') returning Script");
        var problem = await Assert.ThrowsAsync<ProblemException>(() => Prepared(connection, "old"));
        Assert.Contains("a schema of version 99 found, 3 or less expected", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_does_not_answer_is_waited_for_and_then_named()
    {
        var port = FreePorts.InARow(1);
        var problem = await Assert.ThrowsAsync<ProblemException>(() => Prepared($"Host=127.0.0.1;Port={port};Username=x;Password=secret", "a", wait: TimeSpan.FromMilliseconds(100)));
        Assert.StartsWith($"--database: no PostgreSQL at 127.0.0.1:{port} in ", problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_refuses_this_user_is_not_waited_for()
    {
        var connection = await postgres.Database();
        var problem = await Assert.ThrowsAsync<ProblemException>(() => Prepared(connection + "x", "a", wait: TimeSpan.FromMinutes(10)));
        Assert.Contains("refuses: database", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_connection_string_that_is_none_is_the_users_mistake()
    {
        var problem = Assert.Throws<ProblemException>(() => new PostgresDatabase(new ServerOptions { Database = "postgres://somewhere" }));
        Assert.StartsWith("--database: a connection string that cannot be read", problem.Message, StringComparison.Ordinal);
    }

    static async Task Prepared(string connection, string name, TimeSpan? wait = null)
    {
        var database = new PostgresDatabase(new ServerOptions { Name = name, Database = connection, DatabaseWait = wait ?? TimeSpan.FromSeconds(30) });
        using (database.Claim())
            await database.Prepare(NullLogger.Instance, TestContext.Current.CancellationToken);
    }

    static async Task<List<string>> Column(NpgsqlDataSource source, string query)
    {
        await using var command = source.CreateCommand(query);
        await using var rows = await command.ExecuteReaderAsync();
        List<string> values = [];
        while (await rows.ReadAsync())
            values.Add(rows.GetString(0));
        return values;
    }
}
