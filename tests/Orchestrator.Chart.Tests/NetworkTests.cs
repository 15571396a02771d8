using System.Text.Json.Nodes;

namespace Orchestrator.Chart.Tests;

/// <summary>Who reaches whom, by the rules of network policies: both ends must allow it, and an end that no policy selects allows everything.</summary>
public class NetworkTests
{
    [Theory]
    [InlineData("servers", "servers", "exchange silo gateway")]
    [InlineData("servers", "workers", "exchange silo gateway")]
    [InlineData("workers", "servers", "exchange silo gateway")]
    [InlineData("workers", "workers", "exchange silo gateway")]
    [InlineData("test", "servers", "http grpc")]
    [InlineData("test", "workers", "")]
    [InlineData("servers", "database", "postgresql")]
    [InlineData("workers", "database", "postgresql")]
    [InlineData("test", "database", "")]
    [InlineData("database", "servers", "")]
    [InlineData("database", "workers", "")]
    public void Pods_reach_whom_they_must_and_nobody_else(string from, string to, string ports)
    {
        var release = Release.Of("trial");
        var target = Pod(release, to);
        Assert.Equal(ports, string.Join(' ', ServiceTests.PortsOf(target.Spec).Where(port => Reaches(release, Pod(release, from).Labels, target.Labels, port)).Select(port => port.Name)));
    }

    [Theory]
    [InlineData("trial", "http grpc")]         // the namespace's own pods
    [InlineData("production", "")]             // those of another namespace, by its labels
    public void A_pod_of_the_namespace_calls_the_servers_where_the_values_say_so(string values, string ports)
    {
        var release = Release.Of(values);
        var servers = Pod(release, "servers");
        var stranger = new JsonObject { ["app"] = "stranger" };
        Assert.Equal(ports, string.Join(' ', ServiceTests.PortsOf(servers.Spec).Where(port => Reaches(release, stranger, servers.Labels, port)).Select(port => port.Name)));
        Assert.DoesNotContain(ServiceTests.PortsOf(servers.Spec), port => Reaches(release, stranger, Pod(release, "workers").Labels, port));
    }

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void Every_pod_that_stays_has_a_policy_for_both_ways(string values)
    {
        var release = Release.Of(values);
        if (values == "bare")
            Assert.Empty(release.Of(Kind.NetworkPolicy));
        else
            Assert.All(release.Pods().Where(pod => pod.Labels["app.kubernetes.io/component"]!.ToString() != "test"), pod =>
                Assert.Equal(["Ingress", "Egress"], Assert.Single(Policies(release, pod.Labels)).List("spec.policyTypes").Select(type => type.ToString())));
    }

    [Fact]
    public void Only_servers_reach_the_API_server_and_both_reach_the_database_where_it_is()
    {
        static IEnumerable<string> Egress(string part) => Assert.Single(Policies(Release.Of("production"), Pod(Release.Of("production"), part).Labels)).List("spec.egress").Select(rule => rule.ToJsonString());

        Assert.Contains(Egress("servers"), rule => rule.Contains("10.0.0.1/32", StringComparison.Ordinal) && rule.Contains("6443", StringComparison.Ordinal));
        Assert.DoesNotContain(Egress("workers"), rule => rule.Contains("6443", StringComparison.Ordinal));
        foreach (var part in new[] { "servers", "workers" })
        {
            Assert.Contains(Egress(part), rule => rule.Contains("10.20.0.0/24", StringComparison.Ordinal) && rule.Contains("6432", StringComparison.Ordinal));
            Assert.Contains(Egress(part), rule => rule.Contains("4317", StringComparison.Ordinal));
        }
    }

    static (string Name, JsonObject Labels, JsonObject Spec) Pod(Release release, string component)
        => release.Pods().Single(pod => pod.Labels["app.kubernetes.io/component"]!.ToString() == component);

    static IEnumerable<JsonObject> Policies(Release release, JsonObject labels)
        => release.Of(Kind.NetworkPolicy).Where(policy => policy.At("spec.podSelector.matchLabels").Selects(labels));

    static bool Reaches(Release release, JsonObject from, JsonObject to, (string Name, int Number) port)
        => Allows(Policies(release, from), "egress", "to", to, port) && Allows(Policies(release, to), "ingress", "from", from, port);

    static bool Allows(IEnumerable<JsonObject> policies, string way, string end, JsonObject other, (string Name, int Number) port)
    {
        var all = policies.ToList();
        return all.Count == 0 || all.SelectMany(policy => policy.List($"spec.{way}")).Any(rule =>
            (rule["ports"] is null || rule.List("ports").Any(has => has.Text("port") == port.Name || has.Text("port") == $"{port.Number}"))
            && (rule[end] is null || rule.List(end).Any(peer => peer is JsonObject { Count: 1 } && peer["podSelector"] is JsonObject pods && (pods.Count == 0 || pods["matchLabels"].Selects(other)))));
    }
}
