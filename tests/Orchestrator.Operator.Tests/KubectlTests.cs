using Orchestrator.Harness;
using Orchestrator.Operator.Tests.Emulated;

namespace Orchestrator.Operator.Tests;

/// <summary>Real kubectl, a real server that trains, and an emulated API server between them.</summary>
public class KubectlTests
{
    [Theory]
    [InlineData("1.32")]
    [InlineData("1.35")]
    public async Task A_job_is_applied_watched_scaled_waited_for_and_deleted(string version)
    {
        var folder = Directory.CreateTempSubdirectory("orchestrator-operator-");
        try
        {
            await using var emulated = await EmulatedServer.Start();
            var kubeconfig = emulated.Kubeconfig(folder.FullName);
            await using var server = await ServerProcess.Start("a", Path.Combine(folder.FullName, "data"), workers: 3, environment: Operator(kubeconfig));
            await new ClusterScenario(version, kubeconfig, folder.FullName, server) { Disturb = Disturb }.Holds();
            Assert.Superset(new HashSet<string> { "Completed", "Running", "Scaled", "Suspended" }, emulated.Store.List(Definitions.Events, "default").Resources.Select(told => told["reason"]!.ToString()).ToHashSet());

            // It goes and comes back having forgotten what happened, throttles, fails, and closes watches.
            async Task Disturb()
            {
                await emulated.Down();
                emulated.Store.Forget();
                await emulated.Up();
                await Eventually.Holds(() => emulated.IsWatched, TimeSpan.FromSeconds(30), "the operator watches again", () => server.Log);
                emulated.CloseWatches();
                emulated.Misbehave(throttle: 1, fail: 2);
                await Eventually.Holds(() => emulated.IsWatched, TimeSpan.FromSeconds(30), "the operator watches again", () => server.Log);
            }
            Assert.Equal(0, await server.Terminate());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>What makes a server the operator of a cluster.</summary>
    internal static Dictionary<string, string> Operator(string kubeconfig) => new()
    {
        ["ORCHESTRATOR_OPERATOR__ENABLED"] = "true", ["ORCHESTRATOR_OPERATOR__KUBECONFIG"] = kubeconfig, ["ORCHESTRATOR_OPERATOR__SELECTOR"] = "app.kubernetes.io/component=workers",
    };
}
