using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using Json.Schema;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Tests.Jobs;
using Orchestrator.Server.Specs;

namespace Orchestrator.Server.Tests.Specs;

public class SpecSchemaTests
{
    static readonly JsonSchema schema = JsonSchema.FromText(SpecSchema.Of(["llama-adapter", "full"]).ToJsonString());

    [Fact]
    public void Any_valid_spec_follows_the_schema() => AnySpec.Valid.Sample(spec => IsValid(JsonNode.Parse(CanonicalJson.Of(spec))!), iter: 50);

    [Fact]
    public void The_commented_example_follows_the_rules_and_the_schema()
    {
        var spec = SpecReader.Parse(SpecYaml.Write(SpecExample.Spec, comments: true), "job.yaml", "/");
        Assert.True(IsValid(JsonNode.Parse(CanonicalJson.Of(spec))!));
    }

    [Theory]
    [InlineData("""{ "data": { "path": "/d" } }""")]
    [InlineData("""{ "model": { "path": "/m" }, "data": { "path": "/d" }, "epochs": 3 }""")]
    [InlineData("""{ "model": { "path": "/m" }, "data": { "path": "/d" }, "workers": 0 }""")]
    [InlineData("""{ "model": { "path": "/m" }, "data": { "path": "/d" }, "training": { "betas": [0.9, 1.0] } }""")]
    [InlineData("""{ "model": { "path": "/m" }, "data": { "path": "/d" }, "adapter": { "gate": "both" } }""")]
    [InlineData("""{ "model": { "path": "/m" }, "data": { "path": "/d" }, "name": "My Job" }""")]
    public void What_breaks_a_rule_breaks_the_schema(string json) => Assert.False(IsValid(JsonNode.Parse(json)!));

    [Fact]
    public void Every_key_is_described_and_its_default_is_the_records_own()
    {
        var properties = SpecSchema.Of(["llama-adapter"])["properties"]!;
        Assert.Equal(5, (int)properties["training"]!["properties"]!["epochs"]!["default"]!);
        Assert.All(SpecKeys.All, key => Assert.NotEmpty((string)(key.Group.Length == 0 ? properties[key.Name] : properties[key.Group]!["properties"]![key.Name])!["description"]!));
    }

    static bool IsValid(JsonNode spec) => schema.Evaluate(JsonSerializer.SerializeToElement(spec)).IsValid;
}
