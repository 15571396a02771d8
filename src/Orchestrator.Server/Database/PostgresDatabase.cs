using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orchestrator.Grains;
using Orchestrator.Protocol;

namespace Orchestrator.Server.Database;

/// <summary>Several servers share a PostgreSQL: they find each other in it, and it keeps the grains' state and reminders.</summary>
sealed partial class PostgresDatabase : IServerDatabase
{
    const string Invariant = "Npgsql";
    const long SchemaLock = 0x6F72_6368_6573_7472;      // any number that nobody else locks: "orchestr"
    const int ConnectionsMax = 10;                     // per server; PostgreSQL takes 100 by default
    const int ConnectSecondsMax = 5;
    static readonly TimeSpan pause = TimeSpan.FromSeconds(1);

    readonly NpgsqlDataSource source;
    readonly string place;
    readonly TimeSpan wait;

    /// <exception cref="ProblemException">the connection string is none</exception>
    public PostgresDatabase(ServerOptions options)
    {
        try
        {
            var said = new NpgsqlConnectionStringBuilder(options.Database);
            var usual = new NpgsqlConnectionStringBuilder();
            if (said.MaxPoolSize == usual.MaxPoolSize)
                said.MaxPoolSize = ConnectionsMax;
            if (said.Timeout == usual.Timeout)
                said.Timeout = ConnectSecondsMax;
            said.ApplicationName ??= "orchestrator " + options.Name;
            (place, wait) = ($"{said.Host}:{said.Port}", options.DatabaseWait);
            source = NpgsqlDataSource.Create(said);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidOperationException)
        {
            throw new ProblemException("--database", $"a connection string that cannot be read ({e.Message.ReplaceLineEndings(" ")})", "one of Npgsql's",
                "such as Host=db;Username=orchestrator;Password=…;Database=orchestrator");
        }
    }

    /// <inheritdoc/>
    public IDisposable Claim() => source;      // many share it; the connections end with the server

    /// <inheritdoc/>
    public async Task Prepare(ILogger log, CancellationToken stop)
    {
        var began = Stopwatch.GetTimestamp();
        for (string? complaint = null; ;)
        {
            try
            {
                await Update(stop);
                return;
            }
            catch (Exception e) when (MayPass(e))
            {
                if (Stopwatch.GetElapsedTime(began) is var waited && waited >= wait)
                    throw new ProblemException("--database", $"no PostgreSQL at {place} in {waited.TotalSeconds:0} s ({Words(e)})", "one that takes connections", "start it, or name another");
                if (complaint != e.Message)
                    LogWaits(log, place, complaint = e.Message, wait.TotalSeconds);
                await Task.Delay(pause, stop);
            }
            catch (PostgresException e)
            {
                throw new ProblemException("--database", $"{place} refuses: {e.MessageText}", "a database in which this user may create tables");
            }
        }
    }

    async Task Update(CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        await using var transaction = await connection.BeginTransactionAsync(stop);
        await using (var one = new NpgsqlCommand($"select pg_advisory_xact_lock({SchemaLock})", connection, transaction) { CommandTimeout = 0 })
            await one.ExecuteNonQueryAsync(stop);      // given back at the end of the transaction, even if this process dies
        await Schema.Update(connection, transaction, "Postgres", stop);
        await transaction.CommitAsync(stop);
    }

    // PostgreSQL that is not there yet, or starts (57P03), or has no connection left (53300).
    static bool MayPass(Exception e)
        => e is PostgresException { SqlState: PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.TooManyConnections or PostgresErrorCodes.AdminShutdown }
            || (e is NpgsqlException and not PostgresException) || e is SocketException or TimeoutException;

    static string Words(Exception e) => (e.InnerException ?? e).Message.ReplaceLineEndings(" ");

    /// <inheritdoc/>
    public void AddTo(ISiloBuilder silo)
    {
        silo.UseAdoNetClustering(clustering => (clustering.Invariant, clustering.DataSource) = (Invariant, source));
        silo.AddAdoNetGrainStorage(GrainsSetup.Jobs, storage => (storage.Invariant, storage.DataSource, storage.GrainStorageSerializer) = (Invariant, source, new JsonStates()));
        silo.UseAdoNetReminderService(reminders => (reminders.Invariant, reminders.DataSource) = (Invariant, source));
    }

    /// <inheritdoc/>
    public async Task Ask(CancellationToken stop)
    {
        await using var command = source.CreateCommand("select 1");
        await command.ExecuteScalarAsync(stop);
    }

    [LoggerMessage(EventName = "DatabaseAwaited", Level = LogLevel.Warning, Message = "no PostgreSQL at {Place} yet ({Reason}); it is waited for, {Seconds} s at most")]
    static partial void LogWaits(ILogger log, string place, string reason, double seconds);
}
