using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Orchestrator.Architecture.Tests;

/// <summary>The rules of the house that a reader would otherwise have to watch.</summary>
public partial class HouseTests
{
    const int LinesMax = 400;

    static readonly string[] topLevel =
        ["Orchestrator.sln", "src", "proto", "tests", "deploy", "helm", "README.md", "LICENSE", "global.json", "Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props"];

    static readonly string[] prose = [".cs", ".md", ".csproj", ".props", ".targets", ".proto", ".yaml", ".yml", ".txt", ".config", ".sh", "run", ".editorconfig", ".gitignore", ".gitattributes"];

    // A clone must work on any machine, from any registry, for a reader who knows nothing of how it came to be.
    static readonly (string Found, string Rather)[] unspeakable =
    [
        (@"(?<![\w.$~*])/(home|root|work|Users)/", "a path of somebody's machine: take it from an argument or a variable"),
        (@"(?i)[a-z]:\\Users\\", "a path of somebody's machine"),
        (@"(?i)/v3/index\.json|nuget\.org|pypi\.org|registry\.npmjs|artifactory", "a registry: the one that restores is configured outside"),
        (@"(?i)\bthe issue\b|\bissue #?\d|\bclosing note\b", "the history of a decision: say what holds and why"),
        (@"(?i)\bworktree|\bhelper agent|\bthe lead\b|\bcoding agent|\bthis session\b(?! (takes|has|is|ends))", "how the work was shared out"),
        (@"(?i)\b(claude|anthropic|chatgpt|copilot)\b|co-authored-by", "a tool"),
    ];

    static IEnumerable<string> Sources => Repository.Files.Where(file => file.StartsWith("src/", StringComparison.Ordinal) && file.EndsWith(".cs", StringComparison.Ordinal));

    [Fact]
    public void The_top_level_holds_what_it_may_hold()
        => Breaches.None(Repository.Files.Select(file => file.Split('/')[0]).Distinct().Where(name => name[0] != '.').Except(topLevel));

    [Fact]
    public void A_project_says_no_version()
        => Breaches.None(from file in Repository.Files
                         where file.EndsWith(".csproj", StringComparison.Ordinal)
                         from item in XDocument.Load(Repository.PathOf(file)).Descendants()
                         where item.Name.LocalName == "PackageReference" && (item.Attribute("Version") ?? item.Attribute("VersionOverride")) is not null || item.Name.LocalName is "TargetFramework" or "Nullable"
                         select $"{file}: {item}");

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var solution = File.ReadAllText(Repository.PathOf("Orchestrator.sln"));
        Breaches.None(Repository.ProjectsIn("src").Concat(Repository.ProjectsIn("tests")).Where(file => !solution.Contains(file.Replace('/', '\\'), StringComparison.Ordinal)));
    }

    [Fact]
    public void No_source_file_is_longer_than_a_reader_can_hold()
        => Breaches.None(from file in Sources let lines = Repository.Lines(file).Length where lines > LinesMax select $"{file}: {lines} lines; {LinesMax} at most");

    [Fact]
    public void No_type_is_named_for_what_it_is_instead_of_what_it_does()
        => Breaches.None(from file in Sources from Match found in VagueType().Matches(File.ReadAllText(Repository.PathOf(file))) select $"{file}: {found.Value}");

    [Fact]
    public void No_folder_is_a_drawer()
        => Breaches.None(Sources.Where(file => file.Split('/')[..^1].Any(folder => folder is "Models" or "Services" or "Helpers" or "Common" or "Base" or "Utils" or "Managers" or "Interfaces")));

    [Fact]
    public void A_rule_is_switched_off_with_its_reason_on_the_line()
        => Breaches.None(from file in Sources
                         from line in Repository.Lines(file)
                         where line.Contains("#pragma warning disable", StringComparison.Ordinal) && !line.Contains("//", StringComparison.Ordinal)
                               || line.TrimStart().StartsWith("#region", StringComparison.Ordinal)
                         select $"{file}: {line}");

    [Fact]
    public void No_file_speaks_of_a_machine_a_registry_or_how_it_came_to_be()
        => Breaches.None(from file in Repository.Files
                         where prose.Any(end => file.EndsWith(end, StringComparison.Ordinal)) && !file.EndsWith($"{nameof(HouseTests)}.cs", StringComparison.Ordinal)
                         from line in Repository.Lines(file).Index()
                         from rule in unspeakable
                         let match = Regex.Match(line.Item, rule.Found)
                         where match.Success
                         select $"{file}:{line.Index + 1} '{match.Value}': {rule.Rather}");

    [Fact]
    public void A_link_leads_somewhere()
        => Breaches.None(from file in Repository.Files
                         where file.EndsWith(".md", StringComparison.Ordinal)
                         from Match link in RelativeLink().Matches(File.ReadAllText(Repository.PathOf(file)))
                         let target = Path.Combine(Path.GetDirectoryName(Repository.PathOf(file))!, link.Groups[1].Value)
                         where !File.Exists(target) && !Directory.Exists(target)
                         select $"{file}: {link.Groups[1].Value}");

    [GeneratedRegex(@"\b(?:class|struct|record|interface|enum)\s+\w*(?:Manager|Helpers?|Utils?|Utilities|Base|Common)\b")]
    private static partial Regex VagueType();

    // [text](path) and <img src="path">, without an anchor; what has a scheme is not ours to look after.
    [GeneratedRegex(@"(?:\]\(|(?:src|srcset)="")(?!\w+:|#)([^)#""\s]+)")]
    private static partial Regex RelativeLink();
}
