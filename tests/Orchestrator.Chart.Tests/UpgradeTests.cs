using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using Orchestrator.Chart.Tests.CustomResource;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Chart.Tests;

/// <summary>What an upgrade keeps, and what people are told after an installation.</summary>
public class UpgradeTests
{
    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void An_upgrade_keeps_certificates_token_and_password(int helm)
    {
        var before = Secrets(helm, []);
        var other = Secrets(helm, []);
        var after = Secrets(helm, before.Values);

        Assert.Equal(["release-orchestrator-admin", "release-orchestrator-database", "release-orchestrator-tls"], before.Keys.Order());
        Assert.All(before, secret => Assert.True(JsonNode.DeepEquals(secret.Value["data"], after[secret.Key]["data"]), secret.Key));
        Assert.All(before, secret => Assert.False(JsonNode.DeepEquals(secret.Value["data"], other[secret.Key]["data"]), secret.Key));
    }

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void The_notes_name_what_is_there(string values)
    {
        var notes = Notes(values);
        var release = Release.Of(values);
        Assert.Contains($"statefulset/{release.The(Kind.StatefulSet, "-servers").Name()}", notes, StringComparison.Ordinal);
        Assert.Contains($"service/{release.Of(Kind.Service).Single(service => service.Text("spec.clusterIP") is null).Name()} ", notes, StringComparison.Ordinal);
        Assert.Equal(values == "bare", notes.Contains("INSECURE", StringComparison.Ordinal));
        Assert.Equal(values != "bare", notes.Contains("kind: TrainingJob", StringComparison.Ordinal));
    }

    [Fact]
    public void The_job_that_the_notes_show_is_one_that_the_definition_takes()
    {
        var notes = Notes("gpu");
        var job = Yaml.Document(string.Join('\n', notes.Split("<<'JOB'")[1].Split("JOB\n")[0].Split('\n').Select(line => line.Length > 5 ? line[5..] : "")));
        var version = Yaml.Document(Checkout.Read(TrainingJobDefinition.File))["spec"]!["versions"]![0];
        Assert.Equal("orchestrator.dev/" + version.Text("name"), job.Text("apiVersion"));
        var schema = TrainingJobTests.AsJsonSchema(version.At("schema.openAPIV3Schema.properties.spec")!.AsObject());
        Assert.True(JsonSchema.FromText(schema.ToJsonString()).Evaluate(JsonSerializer.SerializeToElement(job["spec"])).IsValid);
    }

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void The_job_of_helm_test_follows_the_rules(string values)
    {
        var job = CanonicalJson.Read(JsonSerializer.SerializeToUtf8Bytes(Yaml.Document(Release.Of(values).The(Kind.ConfigMap, "-test")["data"]!["job.yaml"]!.ToString())));
        Assert.Empty(SpecRules.Check(job));
        Assert.Empty(SpecRules.Warnings(job));
        Assert.Contains(job.Name, Release.Of(values).The(Kind.Pod, "-test").List("spec.containers").Single().List("args").Single().ToString(), StringComparison.Ordinal);
    }

    static string Notes(string values)
    {
        var (code, output, errors) = Release.Helm(4, ["install", "release", Checkout.Chart, "--dry-run=client", "-n", Release.Namespace, "-f", Release.FileOf(values)]);
        Assert.True(code == 0, errors);
        return output.Split("\nNOTES:\n")[1];
    }

    static Dictionary<string, JsonObject> Secrets(int helm, IEnumerable<JsonObject> there)
    {
        using var cluster = new Cluster(there);
        var config = Path.GetTempFileName();
        try
        {
            File.WriteAllText(config, $$$"""
                {"apiVersion":"v1","kind":"Config","clusters":[{"name":"c","cluster":{"server":"{{{cluster.Address}}}"}}],"users":[{"name":"u","user":{}}],
                 "contexts":[{"name":"x","context":{"cluster":"c","user":"u"}}],"current-context":"x"}
                """);
            var (code, output, errors) = Release.Helm(helm, ["template", "release", Checkout.Chart, "--dry-run=server", "--disable-openapi-validation", "--kubeconfig", config,
                "-n", Release.Namespace, "-f", Release.FileOf("trial"), "-s", "templates/secrets.yaml"]);
            Assert.True(code == 0, errors);
            return Yaml.Documents(output).ToDictionary(secret => secret.Name());
        }
        finally
        {
            File.Delete(config);
        }
    }
}
