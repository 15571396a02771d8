using System.CommandLine;
using Orchestrator.Server;

namespace Orchestrator.Cli.Commands;

/// <summary><c>serve</c>: a server of a cluster, until it is asked to stop.</summary>
sealed class ServeCommand : Verb<ServerSettings>
{
    readonly Option<string?> settings = new("--settings") { HelpName = "FILE", Description = "Settings in JSON, in a section Orchestrator; appsettings.json where there is one." };

    // What the command line says of a setting wins over ORCHESTRATOR_… in the environment, and that over the file. Values are read by ServerSettings, whichever says them.
    readonly (Option<string?> Option, string Setting)[] flags =
    [
        (new("--ports") { HelpName = "BASE", Description = "The first of five ports: HTTP, gRPC, exchange and two of the silo; 8080 by default." }, nameof(ServerOptions.Ports)),
        (new("--database") { HelpName = "CONNECTION", Description = "PostgreSQL that several servers share: Host=…;Username=…;Password=…;Database=…. Without it: one server, SQLite in --data." }, nameof(ServerOptions.Database)),
        (new("--data") { HelpName = "DIR", Description = "Runs and uploaded records, shared by all servers; data by default." }, nameof(ServerOptions.Data)),
        (new("--workers", "-w") { HelpName = "N|auto", Description = "How many workers: one for each GPU, or for each core where there is none, by default; 0 takes calls only." }, nameof(ServerOptions.Workers)),
        (new("--name") { HelpName = "NAME", Description = "The server's name, which no other of the cluster has; the machine's by default. A server that starts again under it takes its place again." }, nameof(ServerOptions.Name)),
        (new("--listen") { HelpName = "ADDRESS", Description = "Where it listens; loopback by default." }, nameof(ServerOptions.Listen)),
        (new("--advertise") { HelpName = "ADDRESS", Description = "By which other servers reach it, if not by what it listens on." }, nameof(ServerOptions.Advertise)),
        (new("--models") { HelpName = "DIR:DIR", Description = "Folders of bases, which jobs name by a relative path or by digest." }, nameof(ServerOptions.Models)),
        (new("--cache") { HelpName = "DIR", Description = "This server's own folder of tokenised records." }, nameof(ServerOptions.Cache)),
        (new("--log") { HelpName = "text|json", Description = "How the log is written to standard error." }, nameof(ServerOptions.Log)),
    ];

    readonly Option<bool> insecure = new("--insecure") { Description = "Listen beyond loopback although whoever reaches the ports may do anything." };

    public ServeCommand() : base("serve", "Run a server: its workers, the API and health in one process.")
    {
        foreach (var (option, _) in flags)
            Add(option);
        Add(insecure);
        Add(settings);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } =
    [
        "orchestrator serve                                             one server on this machine, port 8080 and the four behind it",
        "orchestrator serve --ports 9000 --name b --data /shared --database \"Host=db;Username=orchestrator;Database=orchestrator\"",
        "orchestrator serve --listen 0.0.0.0 --insecure --workers 0     takes calls from everywhere, computes nothing",
        "ORCHESTRATOR_SECURITY__CERTIFICATE=tls.crt … orchestrator serve --listen 0.0.0.0     with TLS and tokens; .github/SECURITY.md tells of all of it",
    ];

    /// <inheritdoc/>
    public override ServerSettings Read(ParseResult parsed)
    {
        var said = flags.Where(flag => parsed.GetValue(flag.Option) is not null).ToDictionary(flag => flag.Setting, flag => parsed.GetValue(flag.Option));
        if (parsed.GetValue(insecure))
            said.Add("Security:Insecure", "true");
        return ServerSettings.Read(said, defaults: new Dictionary<string, string?> { [nameof(ServerOptions.Cache)] = CacheFolder.Path }, file: parsed.GetValue(settings));
    }

    /// <inheritdoc/>
    protected override int Run(ServerSettings request, Output output, CancellationToken stop) => Serve(request, stop).GetAwaiter().GetResult();

    static async Task<int> Serve(ServerSettings settings, CancellationToken stop)
    {
        await using var server = await ServerHost.Start(settings, stop, Interruption.StopAtOnce);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop, server.Stopped);
        await Task.Delay(Timeout.Infinite, ended.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        var code = stop.IsCancellationRequested ? ExitCodes.Done : ExitCodes.Failed;
        if (!await server.Stop())
            Interruption.StopAtOnce(code);
        return code;
    }
}
