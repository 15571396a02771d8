using System.Diagnostics;
using System.Globalization;

namespace Orchestrator.Harness;

/// <summary>A PostgreSQL of a test's own, on a free port of loopback and in a temporary folder. Where the tests run as root, which it refuses to be, it runs as <c>postgres</c> or <c>nobody</c>.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    static readonly TimeSpan startedWithin = TimeSpan.FromSeconds(60);
    static readonly string? binaries = FindBinaries();

    readonly DirectoryInfo folder;

    readonly string host;

    PostgresServer(DirectoryInfo folder, int port, string host) => (this.folder, Port, this.host) = (folder, port, host);

    /// <summary>Whether PostgreSQL's server is installed here.</summary>
    public static bool IsInstalled => binaries is not null;

    /// <summary>Why a test that needs it is skipped.</summary>
    public const string Missing = "PostgreSQL's server (initdb, pg_ctl) is not installed";

    /// <summary>Where it listens.</summary>
    public int Port { get; }

    /// <summary>The way to its database.</summary>
    public string Connection => ConnectionTo("postgres");

    /// <summary>The way to a database of it.</summary>
    public string ConnectionTo(string database) => string.Create(CultureInfo.InvariantCulture, $"Host={host};Port={Port};Username=postgres;Database={database}");

    /// <summary>Makes one, and waits until it takes connections.</summary>
    /// <param name="host">the address of this machine that it listens on</param>
    public static async Task<PostgresServer> Start(string host = "127.0.0.1")
    {
        var folder = Directory.CreateTempSubdirectory("orchestrator-postgres-");
        if (Environment.IsPrivilegedProcess)
            await Run("chown", "", User(), folder.FullName);
        var server = new PostgresServer(folder, FreePorts.InARow(1), host);
        await Run(Path.Combine(binaries!, "initdb"), User(), "-D", server.Data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C");
        await File.AppendAllTextAsync(Path.Combine(server.Data, "pg_hba.conf"), $"host all all samenet trust{Environment.NewLine}");
        await server.Go();
        return server;
    }

    string Data => Path.Combine(folder.FullName, "data");

    /// <summary>Starts it again, on its port and with its data.</summary>
    public async Task Go()
        => await Run(Path.Combine(binaries!, "pg_ctl"), User(), "-D", Data, "-w", "-t", $"{startedWithin.TotalSeconds:0}", "-l", Path.Combine(folder.FullName, "log"),
            "-o", $"-p {Port} -c listen_addresses={host} -c unix_socket_directories='' -c fsync=off -c max_connections=200", "start");

    /// <summary>Stops it as an operator would who is in a hurry: connections are cut.</summary>
    public Task Halt() => Run(Path.Combine(binaries!, "pg_ctl"), User(), "-D", Data, "-w", "-m", "immediate", "stop");

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await Halt();
        }
        catch (InvalidOperationException)
        {
            // a test has stopped it
        }
        folder.Delete(recursive: true);
    }

    static string User() => !Environment.IsPrivilegedProcess ? "" : File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres" : "nobody";

    // Output goes to a file: the server that pg_ctl leaves behind would hold a pipe open for ever.
    static async Task Run(string program, string user, params string[] arguments)
    {
        var said = Path.GetTempFileName();
        var start = new ProcessStartInfo("sh") { WorkingDirectory = "/", ArgumentList = { "-c", "out=$1; shift; exec \"$@\" > \"$out\" 2>&1 < /dev/null", "sh", said } };
        string[] asUser = user.Length == 0 ? [] : ["setpriv", "--reuid", user, "--regid", user == "nobody" ? "nogroup" : user, "--clear-groups"];
        foreach (var word in (string[])[.. asUser, program, .. arguments])
            start.ArgumentList.Add(word);
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync();
        var words = await File.ReadAllTextAsync(said);
        File.Delete(said);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {words}");
    }

    // Debian keeps them beside the path, by version.
    static string? FindBinaries()
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        var versions = Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql").OrderDescending().Select(version => Path.Combine(version, "bin")) : [];
        return versions.Concat(path).FirstOrDefault(candidate => File.Exists(Path.Combine(candidate, "initdb")) && File.Exists(Path.Combine(candidate, "pg_ctl")));
    }
}
