using Orchestrator.Chart.Tests;
using Orchestrator.Harness;

namespace Orchestrator.Operator.Tests;

/// <summary>What the emulated API server is to be like: the same scenario against a real one, which <c>ORCHESTRATOR_KUBECONFIG</c> names.</summary>
public class RealServerTests
{
    [Theory(Explicit = true)]
    [InlineData("1.32")]
    [InlineData("1.35")]
    public async Task A_job_is_applied_watched_scaled_waited_for_and_deleted(string version)
    {
        var kubeconfig = Environment.GetEnvironmentVariable("ORCHESTRATOR_KUBECONFIG");
        Assert.SkipUnless(kubeconfig is not null, "ORCHESTRATOR_KUBECONFIG names no cluster to play with");
        var folder = Directory.CreateTempSubdirectory("orchestrator-operator-");
        try
        {
            var kubectl = new Kubectl(version, kubeconfig!, folder.FullName);
            kubectl.Run("apply", "--validate=false", "-f", Checkout.PathOf("helm/orchestrator/crds/trainingjobs.yaml"));
            kubectl.Run("wait", "--for=condition=Established", "crd/trainingjobs.orchestrator.dev", "--timeout=30s");
            await using var server = await ServerProcess.Start("a", Path.Combine(folder.FullName, "data"), workers: 3, environment: KubectlTests.Operator(kubeconfig!));
            await new ClusterScenario(version, kubeconfig!, folder.FullName, server) { IsRecent = kubectl.Run("version", "-o", "json") is var said && !said.Contains("\"minor\": \"20\"", StringComparison.Ordinal) }.Holds();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
