using System.Text.Json.Nodes;

namespace Orchestrator.Chart.Tests;

/// <summary>That what points at something points at something that is there.</summary>
public class ServiceTests
{
    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void A_service_has_pods_and_they_have_its_ports(string values)
        => Breaches.None(from service in Release.Of(values).Of(Kind.Service)
                         let pods = Selected(Release.Of(values), service.At("spec.selector")).ToList()
                         from breach in pods.Count == 0
                             ? ["selects no pod"]
                             : from port in service.List("spec.ports")
                               from pod in pods
                               where PortsOf(pod.Spec).All(has => has.Name != port.Text("targetPort"))
                               select $"{pod.Name} has no port {port.Text("targetPort")}"
                         select $"{service.Name()}: {breach}");

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void A_set_selects_its_own_pods_only_and_has_a_headless_service_of_its_name(string values)
    {
        var release = Release.Of(values);
        Assert.All(release.Of(Kind.StatefulSet), set =>
        {
            Assert.Equal(set.Name(), Assert.Single(Selected(release, set.At("spec.selector.matchLabels"))).Name);
            Assert.Equal("None", release.Of(Kind.Service).Single(service => service.Name() == set.Text("spec.serviceName")).Text("spec.clusterIP"));
        });
    }

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void A_budget_covers_each_set_and_lets_one_go(string values)
    {
        var release = Release.Of(values);
        Assert.Equal(["servers", "workers"], release.Of(Kind.PodDisruptionBudget)
            .Select(budget => Assert.Single(Selected(release, budget.At("spec.selector.matchLabels"))).Labels["app.kubernetes.io/component"]!.ToString()).Order());
        Assert.All(release.Of(Kind.PodDisruptionBudget), budget => Assert.Equal("1", budget.Text("spec.maxUnavailable")));
    }

    [Fact]
    public void An_ingress_leads_to_a_port_of_the_service()
    {
        var release = Release.Of("ingress");
        var ingresses = release.Of(Kind.Ingress).ToList();
        Assert.Equal(["grpc.train.example.com", "train.example.com"], ingresses.SelectMany(ingress => ingress.List("spec.rules")).Select(rule => rule.Text("host")).Order());
        Assert.All(ingresses, ingress =>
        {
            var backend = Assert.Single(Assert.Single(ingress.List("spec.rules")).List("http.paths")).At("backend.service");
            var service = Assert.Single(release.Of(Kind.Service), service => service.Name() == backend.Text("name"));
            Assert.Contains(service.List("spec.ports"), port => port.Text("name") == backend.Text("port.name"));
            Assert.Equal("train-example-com", Assert.Single(ingress.List("spec.tls")).Text("secretName"));
        });
        Assert.Empty(Release.Of("trial").Of(Kind.Ingress));
    }

    [Fact]
    public void Prometheus_finds_every_pod_once_at_a_port_that_it_has_and_checks_its_certificate()
    {
        var release = Release.Of("production");
        var monitor = release.The(Kind.ServiceMonitor, "");
        var endpoint = Assert.Single(monitor.List("spec.endpoints"));
        var services = release.Of(Kind.Service).Where(service => monitor.At("spec.selector.matchLabels").Selects(service.At("metadata.labels")!.AsObject())).ToList();
        Assert.All(services, service => Assert.Contains(service.List("spec.ports"), port => port.Text("name") == endpoint.Text("port")));
        Assert.Equal(["servers", "workers"], services.SelectMany(service => Selected(release, service.At("spec.selector"))).Select(pod => pod.Labels["app.kubernetes.io/component"]!.ToString()).Order());
        Assert.Equal("https", endpoint.Text("scheme"));
        Assert.Contains(endpoint.Text("tlsConfig.serverName"), release.The(Kind.Certificate, "").List("spec.dnsNames").Select(name => name.ToString()));
    }

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void Ports_are_the_program_s_own(string values)
        => Assert.All(Release.Of(values).Pods().Where(pod => pod.Labels["app.kubernetes.io/component"]!.ToString() is "servers" or "workers"), pod =>
            Assert.Equal([("http", 8080), ("grpc", 8081), ("exchange", 8082), ("silo", 8083), ("gateway", 8084)], PortsOf(pod.Spec)));

    /// <summary>The pods that a selector selects.</summary>
    internal static IEnumerable<(string Name, JsonObject Labels, JsonObject Spec)> Selected(Release release, JsonNode? selector)
        => release.Pods().Where(pod => selector.Selects(pod.Labels));

    /// <summary>The ports of a pod's containers.</summary>
    internal static IEnumerable<(string Name, int Number)> PortsOf(JsonObject pod)
        => pod.List("containers").SelectMany(container => container.List("ports")).Select(port => (port.Text("name")!, port["containerPort"]!.GetValue<int>()));
}
