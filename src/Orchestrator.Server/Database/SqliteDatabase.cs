using System.Net;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Orchestrator.Grains;
using Orchestrator.Protocol;

namespace Orchestrator.Server.Database;

/// <summary>A server that is alone: SQLite in its data folder keeps the grains' state, and nobody needs to be found.</summary>
sealed class SqliteDatabase(ServerOptions options, ServerAddresses addresses) : IServerDatabase
{
    // Orleans' name of Microsoft.Data.Sqlite.
    const string Invariant = "System.Data.SQLite";

    string Connection => new SqliteConnectionStringBuilder { DataSource = Path.Combine(options.Data, "orchestrator.db"), DefaultTimeout = 10 }.ToString();

    /// <inheritdoc/>
    public IDisposable Claim()
    {
        try
        {
            Directory.CreateDirectory(options.Data);
            return new FileStream(Path.Combine(options.Data, "orchestrator.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw e is DirectoryNotFoundException or UnauthorizedAccessException
                ? new ProblemException("--data", $"{options.Data}: {e.Message}", "a folder that can be written")
                : new ProblemException("--data", $"{options.Data}, which another server has ({e.Message})", "a folder of this server's own", "servers that share a folder need a --database");
        }
    }

    /// <inheritdoc/>
    public async Task Prepare(ILogger log, CancellationToken stop)
    {
        await using var connection = new SqliteConnection(Connection);
        await connection.OpenAsync(stop);
        await using (var mode = connection.CreateCommand())
        {
            mode.CommandText = "pragma journal_mode = wal";      // readers do not wait for a writer
            await mode.ExecuteNonQueryAsync(stop);
        }
        await using var transaction = connection.BeginTransaction(deferred: false);
        await Schema.Update(connection, transaction, "Sqlite", stop);
        await transaction.CommitAsync(stop);
    }

    /// <inheritdoc/>
    public void AddTo(ISiloBuilder silo)
    {
        silo.UseLocalhostClustering(addresses.Silo, addresses.Gateway, new IPEndPoint(addresses.Address, addresses.Silo), options.Cluster, options.Cluster);
        silo.AddAdoNetGrainStorage(GrainsSetup.Jobs, storage => (storage.Invariant, storage.ConnectionString, storage.GrainStorageSerializer) = (Invariant, Connection, new JsonStates()));
        silo.UseInMemoryReminderService();      // nothing of a server that is alone outlives it but what is stored, and the scheduler wakes that
    }

    /// <inheritdoc/>
    public async Task Ask(CancellationToken stop)
    {
        await using var connection = new SqliteConnection(Connection);
        await connection.OpenAsync(stop);
        await using var command = connection.CreateCommand();
        command.CommandText = "select 1";
        await command.ExecuteScalarAsync(stop);
    }
}
