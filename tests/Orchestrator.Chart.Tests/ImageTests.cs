using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Orchestrator.Chart.Tests;

/// <summary><c>deploy/Dockerfile</c>: as far as it can be held without an engine.</summary>
public partial class ImageTests
{
    static readonly Lazy<IReadOnlyList<(string Keyword, string Arguments)>> instructions = new(() =>
        [.. JsonNode.Parse(Packages.Ask("dockerfile.mjs", new JsonObject { ["text"] = Checkout.Read("deploy/Dockerfile") }))!.AsArray()
            .Select(instruction => (instruction.Text("keyword")!, instruction.Text("arguments")!))]);

    [Fact]
    public void It_builds_by_the_readme_s_own_command()
    {
        var published = PublishCommand().Match(Checkout.Read("README.md")).Value;
        Assert.Equal($"{published} -p:Device=$DEVICE", All("RUN").First());
        Assert.Equal("DEVICE=cpu", Assert.Single(All("ARG")));
    }

    [Fact]
    public void Both_stages_are_Ubuntu_24_04_with_the_dotnet_of_global_json()
    {
        var major = JsonNode.Parse(Checkout.Read("global.json")).Text("sdk.version")!.Split('.')[0];
        Assert.Equal([$"mcr.microsoft.com/dotnet/sdk:{major}.0-noble AS build", $"mcr.microsoft.com/dotnet/aspnet:{major}.0-noble"], All("FROM"));
    }

    [Fact]
    public void It_runs_as_the_user_that_the_chart_gives_its_pods()
    {
        Assert.Equal("$APP_UID", Assert.Single(All("USER")));       // 1654 in Microsoft's images
        Assert.True(instructions.Value.ToList().FindIndex(instruction => instruction.Keyword == "USER") > instructions.Value.ToList().FindLastIndex(instruction => instruction.Keyword == "RUN"));
        Assert.Equal("1654", Release.Of("trial").The(Kind.StatefulSet, "-servers").Text("spec.template.spec.securityContext.runAsUser"));
    }

    [Fact]
    public void The_chart_starts_what_the_image_holds_at_the_ports_that_it_shows()
    {
        Assert.Equal("""["orchestrator"]""", Assert.Single(All("ENTRYPOINT")));
        Assert.Contains("ln -s /app/orchestrator /usr/local/bin/orchestrator", All("RUN").Last(), StringComparison.Ordinal);
        var container = Release.Of("trial").The(Kind.StatefulSet, "-servers").List("spec.template.spec.containers").Single();
        Assert.Equal("serve", container.List("args").First().ToString());
        Assert.Equal(container.List("ports").Select(port => port.Text("containerPort")), Assert.Single(All("EXPOSE")).Split(' '));
        Assert.Contains("path: /app/Demo/Bundle/base", Release.Of("trial").The(Kind.ConfigMap, "-test")["data"]!["job.yaml"]!.ToString(), StringComparison.Ordinal);
        Assert.True(Directory.Exists(Checkout.PathOf("src/Orchestrator.Cli/Demo/Bundle/base")));
    }

    [Fact(Explicit = true)]     // a minute or more: everything is restored and built anew
    public void Its_build_commands_run_as_they_stand_in_a_clean_folder()
    {
        var folder = Directory.CreateTempSubdirectory("image");
        try
        {
            foreach (var file in Context())
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder.FullName, file))!);
                File.Copy(Checkout.PathOf(file), Path.Combine(folder.FullName, file));
            }
            foreach (var command in instructions.Value.TakeWhile((instruction, at) => at == 0 || instruction.Keyword != "FROM").Where(instruction => instruction.Keyword == "RUN"))
            {
                var (code, output, errors) = Checkout.Run("bash", ["-ec", command.Arguments], folder.FullName, environment: new Dictionary<string, string> { ["DEVICE"] = "cpu" });
                Assert.True(code == 0, $"{command.Arguments}: {output}{errors}");
            }
            Assert.Equal(0, Checkout.Run(Path.Combine(folder.FullName, "out", "orchestrator"), ["schema"], folder.FullName).Code);
            Assert.True(File.Exists(Path.Combine(folder.FullName, "out", "Demo", "Bundle", "records.json")));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // What the build gets to see: files under version control, less what Dockerfile.dockerignore leaves out.
    static IEnumerable<string> Context()
    {
        var seen = Checkout.Read("deploy/Dockerfile.dockerignore").Split('\n').Where(line => line.StartsWith('!')).Select(line => line[1..]).ToList();
        return Checkout.Run("git", ["ls-files", "--cached", "--others", "--exclude-standard"]).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(file => File.Exists(Checkout.PathOf(file)) && seen.Any(name => name.EndsWith('*') ? file.StartsWith(name[..^1], StringComparison.Ordinal) : file == name || file.StartsWith(name + "/", StringComparison.Ordinal)));
    }

    static IEnumerable<string> All(string keyword) => instructions.Value.Where(instruction => instruction.Keyword == keyword).Select(instruction => instruction.Arguments);

    [GeneratedRegex(@"^dotnet publish .*$", RegexOptions.Multiline)]
    private static partial Regex PublishCommand();
}
