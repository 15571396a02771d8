using System.Reflection;
using System.Text.Json.Nodes;
using Orchestrator.Harness;
using Orchestrator.Server;

namespace Orchestrator.Chart.Tests;

/// <summary>That the program takes what chart and compose file tell it.</summary>
public class ProgramTests
{
    [Fact]
    public void Every_variable_of_a_server_is_a_setting_of_it()
    {
        var told = Release.Names.SelectMany(values => new[] { "-servers", "-workers" }.SelectMany(set => Program(Release.Of(values), set).List("env")).Select(variable => variable.Text("name")!))
            .Concat(Yaml.Document(Checkout.Read("deploy/compose.yaml"))["services"]!["server-1"]!["environment"]!.AsObject().Select(pair => pair.Key))
            .Where(name => name.StartsWith("ORCHESTRATOR_", StringComparison.Ordinal)).Select(name => name["ORCHESTRATOR_".Length..]).Distinct().ToList();

        Breaches.None(told.Where(name => !IsSetting(typeof(ServerOptions), name.Split("__"))).Select(name => $"ORCHESTRATOR_{name} is no setting of a server"));
        Assert.Contains("DATABASE", told);
    }

    [Fact]
    public async Task Server_and_worker_start_with_what_the_chart_tells_them_answer_its_probes_pass_its_test_and_go()
    {
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        await using var database = await PostgresServer.Start();
        var data = Directory.CreateTempSubdirectory("orchestrator-chart-");
        try
        {
            await using var server = Begin("-servers", data.FullName, database);
            await using var worker = Begin("-workers", data.FullName, database);
            foreach (var (process, set) in new[] { (server, "-servers"), (worker, "-workers") })
            {
                await process.Ready();
                using var http = new HttpClient();
                foreach (var probe in new[] { "startupProbe", "readinessProbe", "livenessProbe" })
                {
                    var answer = await http.GetAsync(new Uri(process.Http, Program(Release.Of("bare"), set).Text($"{probe}.httpGet.path")!), TestContext.Current.CancellationToken);
                    Assert.True(answer.IsSuccessStatusCode, $"{set} {probe}: {answer.StatusCode}");
                }
            }
            HelmTest(server.Api, data.FullName);
            Assert.Equal(0, await worker.Terminate());
            Assert.Equal(0, await server.Terminate());
        }
        finally
        {
            data.Delete(recursive: true);
        }
    }

    // The script of helm's test pod, as it stands, with the job that it is given.
    static void HelmTest(Uri api, string folder)
    {
        var release = Release.With("bare", 3, "test.workers=1");
        File.WriteAllText(Path.Combine(folder, "job.yaml"), release.The(Kind.ConfigMap, "-test")["data"]!["job.yaml"]!.ToString().Replace("/app/", AppContext.BaseDirectory, StringComparison.Ordinal));
        var container = release.The(Kind.Pod, "-test").List("spec.containers").Single();
        var script = container.List("args").Single().ToString().Replace("/job/", folder + "/", StringComparison.Ordinal);
        Assert.Contains("submit", script, StringComparison.Ordinal);

        var (code, output, errors) = Checkout.Run(container.List("command").First().ToString(), [.. container.List("command").Skip(1).Select(word => word.ToString()), script], folder,
            environment: new Dictionary<string, string>
            {
                ["PATH"] = AppContext.BaseDirectory + ":" + Environment.GetEnvironmentVariable("PATH"), ["ORCHESTRATOR_SERVER"] = api.ToString(), ["HOME"] = folder,
                ["ORCHESTRATOR_CACHE"] = Path.Combine(folder, "cache"),
            });

        Assert.True(code == 0, output + errors);
        Assert.Matches("(?m)^state +completed$", output);
        Assert.Matches("[0-9a-f]{64}", output);
    }

    // The container's own arguments and variables, on loopback, free ports and temporary folders. On a machine that other tests keep busy, patience is asked for as a user would.
    static ServerProcess Begin(string set, string data, PostgresServer database)
    {
        var release = Release.With("bare", 3, "settings.Membership.Probe=00:00:05");
        var container = Program(release, set);
        var settings = Path.Combine(data, $"settings{set}.json");
        File.WriteAllText(settings, release.The(Kind.ConfigMap, "-settings")["data"]!["settings.json"]!.ToString());

        string[] ofTheTest = ["serve", "--name", "--ports", "--data", "--cache", "--workers"];
        var arguments = container.List("args").Select(argument => argument.ToString()).Where(argument => !ofTheTest.Contains(argument.Split('=')[0]))
            .Select(argument => argument.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal).Replace("$(POD_IP)", "127.0.0.1", StringComparison.Ordinal)
                .Replace("/settings/settings.json", settings, StringComparison.Ordinal)).ToArray();
        var environment = container.List("env").Where(variable => variable["value"] is not null).ToDictionary(variable => variable.Text("name")!, variable => variable.Text("value")!);
        environment["ORCHESTRATOR_DATABASE"] = database.Connection;
        return ServerProcess.Begin($"release-orchestrator{set}-0", data, workers: int.Parse(PodTests.Argument(release, set, "--workers")!, System.Globalization.CultureInfo.InvariantCulture),
            more: arguments, environment: environment);
    }

    static JsonNode Program(Release release, string set) => release.The(Kind.StatefulSet, set).List("spec.template.spec.containers").Single();

    static bool IsSetting(Type options, ReadOnlySpan<string> path)
        => options.GetProperty(path[0], BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase) is { } property && (path.Length == 1 || IsSetting(property.PropertyType, path[1..]));
}
