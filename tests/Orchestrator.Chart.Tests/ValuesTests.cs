using System.Text.Json.Nodes;

namespace Orchestrator.Chart.Tests;

/// <summary>Values: explained where they stand, known to the schema, refused where they make no sense.</summary>
public class ValuesTests
{
    [Fact]
    public void Every_value_is_explained_where_it_stands()
        => Breaches.None(ValuesFile.Read().Where(value => value.Says.Length == 0).Select(value => $"values.yaml: {value.Path}"));

    [Fact]
    public void The_schema_knows_every_value_and_no_other()
    {
        static IEnumerable<string> Keys(JsonNode schema, string under) => schema["properties"] is JsonObject properties
            ? properties.SelectMany(pair => Keys(pair.Value!, under.Length == 0 ? pair.Key : $"{under}.{pair.Key}"))
            : [under];

        var schema = Schema();
        Assert.Equal(ValuesFile.Read().Select(value => value.Path).Order(), Keys(schema, "").Where(path => path != "global").Order());
        Breaches.None(Objects(schema, "").Where(item => item.Schema["properties"] is not null && item.Schema["additionalProperties"]?.ToString() != "false").Select(item => $"{item.Path} takes any key"));
    }

    [Fact]
    public void The_readme_is_made_of_the_values()
        => Checkout.IsGenerated("helm/orchestrator/README.md", ChartReadme.Of(ValuesFile.Read()));

    [Fact]
    public void Two_values_are_enough()
        => Assert.Equal(2, ValuesFile.Read(File.ReadAllText(Release.FileOf("trial"))).Count);

    [Theory]
    [InlineData("workers.replica=3", "replica")]
    [InlineData("worker.replicas=3", "worker")]
    [InlineData("servers.replicas=0", "replicas")]
    [InlineData("servers.replicas=two", "replicas")]
    [InlineData("workers.perPod=0", "perPod")]
    [InlineData("data.size=plenty", "size")]
    [InlineData("data.accessModes={ReadWriteOncePod}", "accessModes")]
    [InlineData("tls.mode=plain", "mode")]
    [InlineData("tls.certManager.renewBefore=monthly", "renewBefore")]
    [InlineData("auth.oidc.issuer=http://login.example.com", "issuer")]
    [InlineData("image.digest=sha256:12", "digest")]
    [InlineData("logs.format=xml", "format")]
    [InlineData("service.httpPort=70000", "httpPort")]
    [InlineData("workers.maxUnavailable=most", "maxUnavailable")]
    [InlineData("workers.resources.limits.memory=null", "limits")]
    [InlineData("operator.namespaces={Team_A}", "namespaces")]
    [InlineData("tracing.sampleRatio=2", "sampleRatio")]
    [InlineData("fullnameOverride=Training", "fullnameOverride")]
    [InlineData("image.repository=", "image.repository: empty; name where the image of deploy/Dockerfile was pushed")]
    [InlineData("trial=false", "database.existingSecret: empty; name a secret")]
    [InlineData("database.existingSecret=x", "leave one of them out")]
    [InlineData("tls.mode=none", "servers refuse to listen in clear text")]
    [InlineData("insecure=true", "set tls.mode=none")]
    [InlineData("tls.mode=existing", "tls.existingSecret: empty")]
    [InlineData("tls.mode=cert-manager", "tls.certManager.issuer: empty")]
    [InlineData("workers.scaling.enabled=true,operator.enabled=false", "set operator.enabled=true")]
    [InlineData("workers.scaling.enabled=true,workers.scaling.min=9", "workers.scaling.min: 9, above max 8")]
    [InlineData("auth.oidc.issuer=https://login.example.com", "auth.oidc.audience: empty beside an issuer")]
    [InlineData("servers.preStopSeconds=50", "servers.terminationGracePeriodSeconds: 60, less than")]
    [InlineData("ingress.enabled=true", "ingress.http.host: empty")]
    [InlineData("serviceAccount.create=false", "serviceAccount.name: empty")]
    [InlineData("operator.allNamespaces=true,operator.namespaces={a}", "leave one of them out")]
    public void A_wrong_value_is_refused_by_name(string set, string said)
        => Assert.All([3, 4], helm =>
        {
            var (code, _, errors) = Release.Helm(helm, ["template", "release", Checkout.Chart, "-f", Release.FileOf("trial"), "--set", set]);
            Assert.True(code != 0, $"helm {helm} took {set}");
            Assert.Contains(said, errors, StringComparison.Ordinal);
        });

    [Fact]
    public void All_that_is_wrong_is_said_at_once()
    {
        var (code, _, errors) = Release.Helm(4, ["template", "release", Checkout.Chart]);
        Assert.NotEqual(0, code);
        Assert.Contains("image.repository: empty", errors, StringComparison.Ordinal);
        Assert.Contains("database.existingSecret: empty", errors, StringComparison.Ordinal);
    }

    static JsonNode Schema() => JsonNode.Parse(Checkout.Read("helm/orchestrator/values.schema.json"))!;

    static IEnumerable<(string Path, JsonObject Schema)> Objects(JsonNode schema, string path)
        => (schema["properties"]?.AsObject() ?? []).SelectMany(pair => Objects(pair.Value!, $"{path}.{pair.Key}")).Prepend((path, schema.AsObject()));
}
