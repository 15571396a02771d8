using System.Data.Common;
using System.Globalization;
using Orchestrator.Protocol;

namespace Orchestrator.Server.Database;

/// <summary>
/// Brings a database up to date: scripts by number, each once, all in one transaction with the record that they ran. Servers that start together wait for the first, and find its work done.
/// </summary>
static class Schema
{
    /// <summary>Runs what is missing.</summary>
    /// <param name="connection">an open connection</param>
    /// <param name="transaction">nobody else brings the database up to date while it lasts; committed by the caller</param>
    /// <param name="scripts">the folder of the scripts: <c>Postgres</c></param>
    /// <param name="stop">ends the wait</param>
    /// <exception cref="ProblemException">a newer program has made the database</exception>
    public static async Task Update(DbConnection connection, DbTransaction transaction, string scripts, CancellationToken stop)
    {
        await Execute("create table if not exists OrchestratorSchema (Version integer primary key, Script text not null, Applied text not null)");
        var known = Scripts(scripts);
        var present = Convert.ToInt32(await Answer("select coalesce(max(Version), 0) from OrchestratorSchema"), CultureInfo.InvariantCulture);
        if (present > known.Count)
        {
            throw new ProblemException("--database", string.Create(CultureInfo.InvariantCulture, $"a schema of version {present}"),
                string.Create(CultureInfo.InvariantCulture, $"{known.Count} or less"), "a newer program has made it: start that one, or name another database");
        }
        foreach (var (version, name, text) in known.Skip(present))
        {
            await Execute(text);
            await Execute(string.Create(CultureInfo.InvariantCulture, $"insert into OrchestratorSchema (Version, Script, Applied) values ({version}, '{name}', '{DateTime.UtcNow:O}')"));
        }

        async Task Execute(string sql)
        {
            await using var command = CommandOf(sql);
            await command.ExecuteNonQueryAsync(stop);
        }

        async Task<object?> Answer(string sql)
        {
            await using var command = CommandOf(sql);
            return await command.ExecuteScalarAsync(stop);
        }

        DbCommand CommandOf(string sql)
        {
            var command = connection.CreateCommand();
#pragma warning disable CA2100 // the program's own scripts and constants
            (command.CommandText, command.Transaction) = (sql, transaction);
#pragma warning restore CA2100
            return command;
        }
    }

    // Postgres/0001-cluster.sql, …: numbered without a gap.
    static List<(int Version, string Name, string Text)> Scripts(string folder)
    {
        var here = typeof(Schema).Assembly;
        return [.. here.GetManifestResourceNames().Where(name => name.StartsWith(folder + "/", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select((name, at) =>
        {
            using var reader = new StreamReader(here.GetManifestResourceStream(name)!);
            return (at + 1, name[(folder.Length + 1)..], reader.ReadToEnd());
        })];
    }
}
