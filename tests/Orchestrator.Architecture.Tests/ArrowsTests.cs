using System.Reflection;
using System.Xml.Linq;

namespace Orchestrator.Architecture.Tests;

/// <summary>
/// A project exists because of what it may or may not see. Both are checked: what a project asks for, and what its code was found to use.
/// </summary>
public class ArrowsTests
{
    /// <summary>What a project may see.</summary>
    /// <param name="Ours">projects of ours, those that come with another included</param>
    /// <param name="Packages">how the packages' and assemblies' names begin, beside .NET's own</param>
    /// <param name="Hosts">whether it asks for ASP.NET Core</param>
    sealed record Sight(string[] Ours, string[] Packages, bool Hosts = false);

    static readonly string[] grpc = ["Grpc.", "Google.Protobuf", "System.Numerics.Tensors", "Microsoft.AspNetCore", "Microsoft.Extensions."];
    static readonly string[] torch = ["TorchSharp", "libtorch-", "Microsoft.ML.Tokenizers", "System.Numerics.Tensors", "System.IO.Hashing", "Google.Protobuf"];
    static readonly string[] orleans = ["Orleans", "Microsoft.Orleans.", "Microsoft.Extensions."];
    static readonly string[] anything = [""];

    // Cli ──> Server ──> Operator ──> Grains ──> Engine ──> Learning ────> Protocol
    //                                               └───> Collectives ──> Protocol
    static readonly Dictionary<string, Sight> sights = new()
    {
        ["Protocol"] = new([], []),
        ["Learning"] = new(["Protocol"], torch),
        ["Collectives"] = new(["Protocol"], grpc, Hosts: true),
        ["Api"] = new([], ["Grpc.", "Google."]),      // the generated code of jobs.proto, for clients that are to see nothing else
        ["Page"] = new(["Api"], ["Radzen.Blazor", "Grpc.", "Google.Protobuf", "Microsoft.AspNetCore", "Microsoft.Extensions.", "Microsoft.JSInterop"], Hosts: true),      // a caller of the API like any other
        ["Engine"] = new(["Protocol", "Learning", "Collectives"], [.. torch, "Microsoft.Extensions."]),
        ["Grains"] = new(["Protocol", "Learning", "Collectives", "Engine"], orleans),
        ["Operator"] = new(["Protocol", "Learning", "Collectives", "Engine", "Grains"], [.. orleans, "KubernetesClient", "YamlDotNet"]),
        ["Server"] = new(["Protocol", "Learning", "Collectives", "Engine", "Grains", "Operator", "Api", "Page"], [.. orleans, "Microsoft.AspNetCore", "Microsoft.IdentityModel", "Microsoft.Net.Http.Headers", "Grpc.", "Google.", "YamlDotNet", "Npgsql", "Microsoft.Data.Sqlite", "System.Memory.Data", "OpenTelemetry", "KubernetesClient", "System.Threading.RateLimiting"], Hosts: true),
        ["Cli"] = new(["Protocol", "Learning", "Collectives", "Engine", "Grains", "Operator", "Server", "Api", "Page"], anything),
        ["World"] = new(["Protocol", "Learning"], torch),      // makes what the demonstration ships; nothing of the product uses it
    };

    /// <summary>The projects under <c>src</c>.</summary>
    public static TheoryData<string> Projects => [.. Repository.ProjectsIn("src").Select(NameOf)];

    [Fact]
    public void There_is_no_project_beyond_those_that_a_package_justifies()
        => Breaches.None(Projects.Select(row => row.Data).Except(sights.Keys));

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_asks_for_what_it_may_see_and_nothing_else(string project)
    {
        var sight = sights[project];
        var file = XDocument.Load(Repository.PathOf($"src/Orchestrator.{project}/Orchestrator.{project}.csproj"));
        Breaches.None(Included("ProjectReference").Select(NameOf).Except(sight.Ours));
        Breaches.None(Included("PackageReference").Where(package => !Allows(sight, package)));
        Breaches.None(Included("FrameworkReference").Where(_ => !sight.Hosts && sight.Packages != anything));

        IEnumerable<string> Included(string kind) => file.Descendants(kind).Select(item => item.Attribute("Include")!.Value);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void The_code_of_a_project_uses_what_it_may_see_and_nothing_else(string project)
    {
        var built = Path.Combine(AppContext.BaseDirectory, project == "Cli" ? "orchestrator.dll" : $"Orchestrator.{project}.dll");
        var used = Assembly.LoadFrom(built).GetReferencedAssemblies().Select(name => name.Name!).ToList();
        Assert.NotEmpty(used);
        Breaches.None(used.Where(name => IsOurs(name) && !sights[project].Ours.Contains(NameOf(name))));
        Breaches.None(used.Where(name => !IsOurs(name) && !IsOfTheRuntime(name) && !Allows(sights[project], name)));
    }

    [Theory]
    [InlineData("Protocol")]
    [InlineData("Learning")]
    public void What_defines_the_bytes_is_compiled_with_the_list_of_banned_symbols(string project)
        => Assert.Contains("<DefinesTheResult>true</DefinesTheResult>", File.ReadAllText(Repository.PathOf($"src/Orchestrator.{project}/Orchestrator.{project}.csproj")), StringComparison.Ordinal);

    static string NameOf(string project) => Path.GetFileName(project).Replace(".csproj", "", StringComparison.Ordinal).Replace("Orchestrator.", "", StringComparison.Ordinal);

    static bool IsOurs(string assembly) => assembly.StartsWith("Orchestrator.", StringComparison.Ordinal);

    static bool Allows(Sight sight, string name) => sight.Packages.Any(start => name.StartsWith(start, StringComparison.Ordinal));

    // What comes with .NET itself lies beside its core library; ASP.NET Core lies elsewhere.
    static bool IsOfTheRuntime(string assembly) => File.Exists(Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, assembly + ".dll"));
}
