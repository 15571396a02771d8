using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Orchestrator.Protocol;

namespace Orchestrator.Server;

/// <summary>How a server's settings come together: file, environment and flags, the later wins; and what is wrong with them, all of it, with the place that said it.</summary>
public sealed class ServerSettings
{
    const string Section = "Orchestrator";
    const string Prefix = "ORCHESTRATOR_";

    readonly IConfiguration flags;
    readonly IConfiguration environment;
    readonly IConfiguration file;
    readonly string fileName;
    readonly List<Problem> problems = [];

    readonly IReadOnlyDictionary<string, string?> defaults;

    ServerSettings(IReadOnlyDictionary<string, string?> flags, IReadOnlyDictionary<string, string?>? environment, string? file, IReadOnlyDictionary<string, string?> defaults)
    {
        this.defaults = defaults;
        fileName = file ?? "appsettings.json";
        Whole = Read(fileName, isWanted: file is not null);
        this.file = Whole.GetSection(Section);
        this.environment = environment is null
            ? new ConfigurationBuilder().AddEnvironmentVariables(Prefix).Build()
            : new ConfigurationBuilder().AddInMemoryCollection(environment.Select(said => KeyValuePair.Create(said.Key[Prefix.Length..].Replace("__", ":", StringComparison.Ordinal), said.Value))).Build();
        this.flags = new ConfigurationBuilder().AddInMemoryCollection(flags).Build();
    }

    /// <summary>The whole file; its section <c>Logging</c> says what is logged.</summary>
    public IConfiguration Whole { get; }

    /// <summary>The settings.</summary>
    public ServerOptions Options { get; private set; } = new();

    /// <summary>Reads the settings.</summary>
    /// <param name="flags">by the names of <see cref="ServerOptions"/>: <c>Ports</c>, <c>Security:Insecure</c></param>
    /// <param name="environment">variables that begin with <c>ORCHESTRATOR_</c>; null reads the process's</param>
    /// <param name="file">a JSON file; null is <c>appsettings.json</c> of the working folder, where there is one</param>
    /// <param name="defaults">what holds where nobody says anything, beside the defaults of <see cref="ServerOptions"/></param>
    /// <exception cref="ProblemException">with everything that is wrong</exception>
    public static ServerSettings Read(IReadOnlyDictionary<string, string?> flags, IReadOnlyDictionary<string, string?>? environment = null, string? file = null,
        IReadOnlyDictionary<string, string?>? defaults = null)
    {
        ArgumentNullException.ThrowIfNull(flags);
        var settings = new ServerSettings(flags, environment, file, defaults ?? new Dictionary<string, string?>());
        settings.Bind();
        return settings.problems.Count == 0 ? settings : throw new ProblemException(settings.problems);
    }

    void Bind()
    {
        var all = new ConfigurationBuilder()
            .AddInMemoryCollection([KeyValuePair.Create<string, string?>(nameof(ServerOptions.Name), Environment.MachineName)])
            .AddInMemoryCollection(defaults).AddConfiguration(file).AddConfiguration(environment).AddConfiguration(flags)
            .Build();
        Convert(typeof(ServerOptions), all, "");
        RefuseUnknown(typeof(ServerOptions), file, "");
        if (problems.Count > 0)
            return;
        all.Bind(Options);
        if (Options.Data.Length > 0)
            Options = Options with { Data = Path.GetFullPath(Options.Data) };      // jobs keep where their runs are
        Check(Options, "");
    }

    // One by one, since the binder stops at the first that it cannot convert.
    void Convert(Type type, IConfiguration all, string path)
    {
        foreach (var property in Settable(type))
        {
            var key = path + property.Name;
            if (IsGroup(property.PropertyType))
            {
                Convert(property.PropertyType, all, key + ":");
                continue;
            }
            try
            {
                all.GetSection(key).Get(property.PropertyType);
            }
            catch (InvalidOperationException)
            {
                problems.Add(new Problem(PlaceOf(key), $"'{all[key]}'", Words(property.PropertyType)));
            }
        }
    }

    void Check(object options, string path)
    {
        foreach (var property in Settable(options.GetType()))
        {
            var key = path + property.Name;
            var value = property.GetValue(options);
            if (IsGroup(property.PropertyType))
            {
                Check(value!, key + ":");
                continue;
            }
            foreach (var rule in property.GetCustomAttributes<ValidationAttribute>().Where(rule => !rule.IsValid(value)))
                problems.Add(new Problem(PlaceOf(key), value is null or "" ? "nothing" : $"{value}", rule is RangeAttribute range ? $"{range.Minimum} to {range.Maximum}" : rule.ErrorMessage!));
        }
    }

    // A key that nobody reads is a mistake of whoever wrote the file. Variables are not looked at: others share the prefix.
    void RefuseUnknown(Type type, IConfiguration section, string path)
    {
        foreach (var child in section.GetChildren())
        {
            var property = Settable(type).FirstOrDefault(known => known.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase));
            if (property is null)
                problems.Add(new Problem($"{fileName} {Section}:{path}{child.Key}", "an unknown setting", "one of " + string.Join(", ", Settable(type).Select(known => known.Name))));
            else if (IsGroup(property.PropertyType))
                RefuseUnknown(property.PropertyType, child, path + property.Name + ":");
        }
    }

    string PlaceOf(string key)
        => flags[key] is not null ? "--" + Kebab(key[(key.LastIndexOf(':') + 1)..])
            : environment[key] is not null ? Prefix + key.ToUpperInvariant().Replace(":", "__", StringComparison.Ordinal)
            : file[key] is not null ? $"{fileName} {Section}:{key}"
            : key;

    static string Kebab(string name) => string.Concat(name.Select((letter, at) => char.IsUpper(letter) ? (at > 0 ? "-" : "") + char.ToLowerInvariant(letter) : $"{letter}"));

    static IEnumerable<PropertyInfo> Settable(Type type) => type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite);

    static bool IsGroup(Type type) => type.IsClass && type != typeof(string) && type != typeof(Uri);

    static string Words(Type type)
        => type == typeof(int) || type == typeof(long) ? "a whole number"
            : type == typeof(bool) ? "true or false"
            : type == typeof(TimeSpan) ? "a time, hours:minutes:seconds such as 00:00:30,"
            : type == typeof(double) ? "a number"
            : type == typeof(Uri) ? "an address, such as http://collector:4317,"
            : type.IsEnum ? string.Join(" or ", Enum.GetNames(type).Select(name => name.ToLowerInvariant()))
            : type.Name;

    static IConfiguration Read(string file, bool isWanted)
    {
        try
        {
            return new ConfigurationBuilder().AddJsonFile(Path.GetFullPath(file), optional: !isWanted).Build();
        }
        catch (FileNotFoundException)
        {
            throw new ProblemException("--settings", $"nothing at {file}", "a JSON file");
        }
        catch (InvalidDataException e)
        {
            throw new ProblemException(file, e.InnerException?.Message ?? e.Message, "JSON");
        }
    }
}
