using System.Text.Json;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;

namespace Orchestrator.Cli.Cluster;

/// <summary>A cluster under a name.</summary>
/// <param name="Server">its servers' addresses, with commas between</param>
/// <param name="Space">the namespace that is meant where none is said; null is the default one</param>
sealed record ClusterContext(string Server, string? Space);

/// <summary>The clusters that the user has saved, and which of them is meant.</summary>
/// <param name="Current">its name; null where none is</param>
/// <param name="All">by name</param>
sealed record Contexts(string? Current, IReadOnlyDictionary<string, ClusterContext> All)
{
    /// <summary>What is meant where nobody said anything: a server on this machine, with its usual ports.</summary>
    public const string DefaultServer = "http://127.0.0.1:8081";

    /// <summary>The variable that wins over saved contexts.</summary>
    public const string Variable = "ORCHESTRATOR_SERVER";

    static readonly JsonSerializerOptions json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };

    /// <summary><c>orchestrator/contexts.json</c> in the user's own folder for settings (XDG Base Directory Specification).</summary>
    public static string File { get; } = Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CONFIG_HOME") is { Length: > 0 } settings ? settings : Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData),
        "orchestrator", "contexts.json");

    /// <summary>Reads the user's.</summary>
    /// <exception cref="ProblemException">the file is damaged</exception>
    public static Contexts Read(string file)
    {
        if (!System.IO.File.Exists(file))
            return new Contexts(null, new Dictionary<string, ClusterContext>());
        try
        {
            return JsonSerializer.Deserialize<Contexts>(System.IO.File.ReadAllBytes(file), json) is { All: not null } read ? read : throw new JsonException("no contexts");
        }
        catch (JsonException e)
        {
            throw new ProblemException(file, e.Message, "what `orchestrator context set` writes", "mend it, or delete it");
        }
    }

    /// <summary>Saves them.</summary>
    public void Write(string file) => AtomicFile.Write(file, stream => JsonSerializer.Serialize(stream, this, json));

    /// <summary>These with one more, or another one under its name; the first is the current one.</summary>
    public Contexts With(string name, ClusterContext context) => new(Current ?? name, new SortedDictionary<string, ClusterContext>(All.ToDictionary(), StringComparer.Ordinal) { [name] = context });

    /// <summary>These with another current one.</summary>
    /// <exception cref="ProblemException">there is none of the name</exception>
    public Contexts Using(string name) => All.ContainsKey(name)
        ? this with { Current = name }
        : throw new ProblemException("context", $"no '{name}'", All.Count == 0 ? "one that was set" : $"one of {string.Join(", ", All.Keys)}", "orchestrator context set NAME --server URL");

    /// <summary>Whom to ask: what the command line says, else the environment, else the current context, else this machine.</summary>
    /// <param name="server">what <c>--server</c> says</param>
    /// <param name="space">what <c>--namespace</c> says</param>
    /// <param name="environment">what the environment says</param>
    public (IReadOnlyList<Uri> Servers, string Space) Meant(string? server, string? space, string? environment)
    {
        var saved = Current is { } name ? All.GetValueOrDefault(name) : null;
        var servers = server is not null ? Connection.Servers(server, "--server")
            : environment is { Length: > 0 } ? Connection.Servers(environment, Variable)
            : Connection.Servers(saved?.Server ?? DefaultServer, $"context {Current}");
        return (servers, space ?? (server is null && environment is not { Length: > 0 } ? saved?.Space : null) ?? "default");
    }
}
