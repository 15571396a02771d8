using System.Text.Json.Nodes;
using Orchestrator.Harness;
using Orchestrator.Operator.Tests.Emulated;

namespace Orchestrator.Operator.Tests;

/// <summary>Pods of workers come with a job and go after it. Each pod is a real server; the test is what starts and stops it.</summary>
public class PodTests
{
    const string Set = "gpu-workers";

    [Fact]
    public async Task Pods_come_with_a_job_and_are_drained_and_gone_after_it()
    {
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        var folder = Directory.CreateTempSubdirectory("orchestrator-pods-");
        List<ServerProcess> pods = [];
        try
        {
            await using var emulated = await EmulatedServer.Start();
            await using var database = await PostgresServer.Start();
            var data = Path.Combine(folder.FullName, "data");
            emulated.Store.Create(Definitions.Sets, "default", new JsonObject { ["metadata"] = new JsonObject { ["name"] = Set }, ["spec"] = new JsonObject { ["replicas"] = 0 } });
            var environment = new Dictionary<string, string>(KubectlTests.Operator(emulated.Kubeconfig(folder.FullName)))
            {
                ["ORCHESTRATOR_OPERATOR__WORKERS"] = $"default/{Set}", ["ORCHESTRATOR_OPERATOR__PODSMAX"] = "2", ["ORCHESTRATOR_OPERATOR__IDLESECONDS"] = "1",
            };
            await using var server = await ServerProcess.Start("server-0", data, database.Connection, workers: 0, environment: environment);

            emulated.Store.Create(Definitions.Jobs, "default", ClusterScenario.Job("tiny", workers: 3));
            await Has(2);
            for (var pod = 0; pod < 2; pod++)
                pods.Add(ServerProcess.Begin($"{Set}-{pod}", data, database.Connection));
            await Task.WhenAll(pods.Select(pod => pod.Ready()));
            await Says(status => (string?)status["reason"] is { } reason && reason.Contains("worker", StringComparison.Ordinal), "it waits for its third worker");

            emulated.Store.Patch(Definitions.Jobs, "default", "tiny", new JsonObject { ["spec"] = new JsonObject { ["workers"] = 2 } }, ofStatus: false);
            await Says(status => (string?)status["phase"] == "Completed", "completed");
            await Has(0);
            var codes = await Task.WhenAll(pods.Select(pod => pod.Terminate()));
            Assert.Equal([0, 0], codes);

            Task Has(int count) => Eventually.Holds(() => (int)emulated.Store.Get(Definitions.Sets, "default", Set)["spec"]!["replicas"]! == count, TimeSpan.FromSeconds(60), $"{count} pods", () => server.Log);

            Task Says(Func<JsonObject, bool> condition, string what)
                => Eventually.Holds(() => condition(emulated.Store.Get(Definitions.Jobs, "default", "tiny")["status"] as JsonObject ?? []), TimeSpan.FromSeconds(90), what,
                    () => emulated.Store.Get(Definitions.Jobs, "default", "tiny").ToJsonString() + server.Log);
        }
        finally
        {
            foreach (var pod in pods)
                await pod.DisposeAsync();
            folder.Delete(recursive: true);
        }
    }
}
