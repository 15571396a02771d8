using System.ComponentModel.DataAnnotations;
using Orchestrator.Collectives;
using Orchestrator.Operator;
using Orchestrator.Server.Security;

namespace Orchestrator.Server;

/// <summary>
/// Every setting of a server, with its unit, range and default. Later ones win: <c>appsettings.json</c> (section <c>Orchestrator</c>), the environment (<c>ORCHESTRATOR_PORTS</c>,
/// <c>ORCHESTRATOR_MEMBERSHIP__PROBE</c>), flags.
/// </summary>
public sealed record ServerOptions
{
    /// <summary>The server's name: its silo's, and the beginning of its workers'. It survives a restart, and no two servers of a cluster have the same. The machine's name by default.</summary>
    [RegularExpression("[A-Za-z0-9][A-Za-z0-9._-]{0,62}", ErrorMessage = "1 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first,")]
    public string Name { get; init; } = "";

    /// <summary>The first of five ports: HTTP, gRPC, exchange, silo, gateway. 1 to 65,531, 8080 by default.</summary>
    [Range(1, 65_531)]
    public int Ports { get; init; } = 8080;

    /// <summary>The address it listens on; loopback by default, <c>0.0.0.0</c> is every IPv4 address. Beyond loopback it needs TLS and authentication, or <see cref="SecurityOptions.Insecure"/>.</summary>
    public string Listen { get; init; } = "127.0.0.1";

    /// <summary>The address or name by which other servers reach this one; by default what it listens on, or the machine's first address where that is every one.</summary>
    public string? Advertise { get; init; }

    /// <summary>Where PostgreSQL is, as Npgsql writes it: <c>Host=db;Username=orchestrator;Database=orchestrator</c>. Without it this server is alone, with SQLite in <see cref="Data"/>.</summary>
    public string? Database { get; init; }

    /// <summary>How long a server that starts waits for its database. 0 to 1 h, 1 min by default.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan DatabaseWait { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The folder of jobs' runs and uploaded records, which all servers of a cluster share; <c>data</c> by default.</summary>
    [MinLength(1, ErrorMessage = "a folder")]
    public string Data { get; init; } = "data";

    /// <summary>This server's folders of bases, with a colon between two (a semicolon on Windows): a job may name a base in them by a relative path or by its digest. None by default.</summary>
    public string? Models { get; init; }

    /// <summary>
    /// This server's folders of records, with a colon between two (a semicolon on Windows): where they are said, or callers must say who they are, a job may name files below these and below
    /// <see cref="Models"/> only. None by default: records are uploaded.
    /// </summary>
    public string? Records { get; init; }

    /// <summary>This server's own folder of tokenised records and digests; what stands there may be deleted at any time. <c>cache</c> in the user's own folder for caches by default.</summary>
    public string? Cache { get; init; }

    /// <summary>How many workers it has: 0 to 1,024, or <c>auto</c>, the default: one for each GPU, or one for each processor core where there is none.</summary>
    [RegularExpression("auto|[0-9]{1,3}|10[01][0-9]|102[0-4]", ErrorMessage = "auto, or a number from 0 to 1024,")]
    public string Workers { get; init; } = "auto";

    /// <summary>The cluster's name: servers of another one in the same database do not know this one. <c>orchestrator</c> by default.</summary>
    [RegularExpression("[A-Za-z0-9][A-Za-z0-9._-]{0,62}", ErrorMessage = "1 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first,")]
    public string Cluster { get; init; } = "orchestrator";

    /// <summary>How long a server that is asked to stop waits for its workers to leave their jobs; they leave at the end of a step. 0 to 10 min, 30 s by default.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How the log is written to standard error; a line an event either way.</summary>
    public LogFormat Log { get; init; } = LogFormat.Text;

    /// <summary>How servers notice that one of them is gone. All servers of a cluster need the same.</summary>
    public MembershipOptions Membership { get; init; } = new();

    /// <summary>What the exchange of gradients waits for.</summary>
    public ExchangeOptions Exchange { get; init; } = new();

    /// <summary>What the server shows of itself.</summary>
    public ObservabilityOptions Observability { get; init; } = new();

    /// <summary>Who may talk to the server.</summary>
    public SecurityOptions Security { get; init; } = new();

    /// <summary>What a caller, a connection or a slow client can take.</summary>
    public LimitsOptions Limits { get; init; } = new();

    /// <summary>What it does for a cluster of Kubernetes.</summary>
    public OperatorOptions Operator { get; init; } = new();
}

/// <summary>How the log is written.</summary>
public enum LogFormat
{
    /// <summary>For people.</summary>
    Text,

    /// <summary>For programs: an object a line.</summary>
    Json,
}

/// <summary>
/// How servers notice that one of them is gone. By default a process that is killed is declared dead within about 1 s and one that hangs within about 2 s (measured with three servers
/// on two cores); Orleans' own defaults take 6 s and a minute.
/// </summary>
public sealed record MembershipOptions
{
    /// <summary>How long an answer to a probe may take, and the time between two. 100 ms to 30 s, 500 ms by default.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:00:30")]
    public TimeSpan Probe { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How many probes in a row may stay without an answer. 2 to 20, 3 by default.</summary>
    [Range(2, 20)]
    public int MissedProbes { get; init; } = 3;

    /// <summary>
    /// How long the grains of a server that died wait before they come back elsewhere, so that a server which only seemed dead has ended. 0 to 1 min, 3 s by default:
    /// the time in which a hang is noticed, and as much again.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan DirectoryLease { get; init; } = TimeSpan.FromSeconds(3);
}
