using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;
using YamlDotNet.RepresentationModel;

namespace Orchestrator.Server.Specs;

/// <summary>
/// Reads a spec, in YAML or JSON, with all that is wrong with it at once and the line of each: keys and types here, values by <see cref="SpecRules"/>.
/// </summary>
/// <remarks>YAML nodes become JSON, key by key as <see cref="SpecKeys"/> has them, and the JSON becomes the records; a table remembers the line of each path.</remarks>
public sealed class SpecReader
{
    const int FileBytesMax = 1 << 20;

    readonly JsonObject json = [];
    readonly Dictionary<string, string> places = [];
    readonly List<Problem> problems = [];

    SpecReader()
    {
    }

    /// <summary>Reads a spec's file.</summary>
    /// <param name="file">YAML or JSON; <c>-</c> reads standard input</param>
    /// <param name="overrides">keys that win over the file's, the last most</param>
    /// <param name="also">more rules than the spec's own; the place of their problems is a key's path</param>
    /// <exception cref="ProblemException">with everything that is wrong</exception>
    public static JobSpec Read(string file, IReadOnlyList<SpecOverride>? overrides = null, params IReadOnlyList<Func<JobSpec, IEnumerable<Problem>>> also)
    {
        var (text, source, folder) = TextOf(file);
        return Parse(text, source, folder, overrides, also);
    }

    /// <summary>A spec's text, what to call it in problems, and the folder that it lies in.</summary>
    /// <param name="file">YAML or JSON; <c>-</c> reads standard input</param>
    /// <exception cref="ProblemException">there is no such file, or it is too large for a spec</exception>
    public static (string Text, string Source, string Folder) TextOf(string file)
    {
        if (file == "-")
            return (Console.In.ReadToEnd(), "stdin", Directory.GetCurrentDirectory());
        if (Directory.Exists(file) || !File.Exists(file))
            throw new ProblemException(file, Directory.Exists(file) ? "a folder" : "nothing", "a spec in YAML or JSON", "`orchestrator new` writes one");
        if (new FileInfo(file) is { Length: > FileBytesMax } large)
            throw new ProblemException(file, $"{large.Length} bytes", $"a spec of at most {FileBytesMax}");
        return (File.ReadAllText(file), Path.GetFileName(file), Path.GetDirectoryName(Path.GetFullPath(file))!);
    }

    /// <summary>Reads a spec's text.</summary>
    /// <param name="text">YAML or JSON; empty where the overrides say it all</param>
    /// <param name="source">what to call it in problems: <c>job.yaml</c>; its name is the job's if the text has none</param>
    /// <param name="folder">where the text's relative paths start; those of overrides start in the current folder. Null leaves all paths as they stand: another machine looks for them</param>
    /// <param name="overrides">keys that win over the text's, the last most</param>
    /// <param name="also">more rules than the spec's own; the place of their problems is a key's path</param>
    /// <exception cref="ProblemException">with everything that is wrong</exception>
    public static JobSpec Parse(string text, string source, string? folder, IReadOnlyList<SpecOverride>? overrides = null, params IReadOnlyList<Func<JobSpec, IEnumerable<Problem>>> also)
    {
        var reader = new SpecReader();
        switch (YamlText.Parse(text, source))
        {
            case YamlMappingNode keys:
                reader.TakeGroup("", keys, (path, line) => $"{source}:{line} {path}", folder);
                break;
            case null or YamlScalarNode { Value: null or "" }:
                break;
            case var other:
                throw new ProblemException($"{source}:{other.Start.Line}", "no keys", "a spec: a group of keys", "`orchestrator new` writes one");
        }
        foreach (var (path, value, place) in overrides ?? [])
            reader.Take(path, YamlText.Parse(value, place) ?? new YamlScalarNode(""), place, (inner, _) => place + inner[path.Length..], folder is null ? null : Directory.GetCurrentDirectory());
        return reader.Spec(source, [SpecRules.Check, .. also]);
    }

    void TakeGroup(string group, YamlMappingNode keys, Func<string, long, string> place, string? folder)
    {
        foreach (var (name, node) in keys.Children)
        {
            var path = (group.Length == 0 ? "" : group + ".") + ((name as YamlScalarNode)?.Value ?? "?");
            Take(path, node, place(path, name.Start.Line), place, folder);
        }
    }

    void Take(string path, YamlNode node, string here, Func<string, long, string> place, string? folder)
    {
        places[path] = here;
        if (SpecKeys.Find(path) is { } key)
        {
            var (value, problem) = SpecValue.Of(key, node);
            if (problem is not null)
                problems.Add(problem with { Place = here + problem.Place[path.Length..] });
            else
                Put(key, key.IsPath && value is not null && folder is not null ? FullPath(value.GetValue<string>(), folder) : value);
        }
        else if (!SpecKeys.Groups.Contains(path))
            problems.Add(Unknown(path, here));
        else if (node is YamlMappingNode keys)
            TakeGroup(path, keys, place, folder);
        else if (node is not YamlScalarNode { Value: null or "" or "~" or "null" })
            problems.Add(new(here, $"'{node}'", $"a group of keys: {KeysOf(path)}"));
    }

    void Put(SpecKey key, JsonNode? value)
    {
        var at = json;
        if (key.Group.Length > 0)
            at = (JsonObject)(json[key.Group] ??= new JsonObject());
        at[key.Name] = value;
    }

    JobSpec Spec(string source, IEnumerable<Func<JobSpec, IEnumerable<Problem>>> rules)
    {
        var named = json["name"] is not null || places.ContainsKey("name");
        var spec = json.Deserialize<JobSpec>(CanonicalJson.Options)!;
        if (!named)
            spec = spec with { Name = JobName.From(Path.GetFileNameWithoutExtension(source)).Text };
        problems.AddRange(rules.SelectMany(check => check(spec))
            .Select(problem => problem with { Place = PlaceOf(problem.Place, source) })
            .Where(problem => problems.TrueForAll(known => known.Place != problem.Place))
            .DistinctBy(problem => problem.Place));
        return problems.Count > 0 ? throw new ProblemException(problems) : spec;
    }

    // The key's own line, or that of its group; a key that stands nowhere has the file's name alone.
    string PlaceOf(string path, string source)
    {
        var key = path.Split('[')[0];
        if (places.TryGetValue(key, out var own))
            return own + path[key.Length..];
        var group = key.Split('.')[0];
        return places.TryGetValue(group, out var above) ? above[..^group.Length] + path : $"{source} {path}";
    }

    static Problem Unknown(string path, string here)
    {
        var group = path.LastIndexOf('.') is > 0 and var dot ? path[..dot] : "";
        var remedy = NearestKey.To(path) is { } near ? $"did you mean {near}?" : $"known are {KeysOf(SpecKeys.Groups.Contains(group) ? group : "")}";
        return new(here, "an unknown key", group.Length == 0 ? "a key of a spec" : $"a key of {group}", remedy);
    }

    static string KeysOf(string group)
        => string.Join(", ", SpecKeys.All.Where(key => key.Group == group).Select(key => key.Name).Concat(group.Length == 0 ? SpecKeys.Groups : []));

    // Beside the spec, since both move together; in the current folder if only there is such a file.
    static string FullPath(string path, string folder)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
            return path;
        if (path == "~" || path.StartsWith("~/", StringComparison.Ordinal))
            return Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + path[1..];
        var beside = Path.GetFullPath(path, folder);
        var here = Path.GetFullPath(path);
        return !Path.Exists(beside) && Path.Exists(here) ? here : beside;
    }
}
