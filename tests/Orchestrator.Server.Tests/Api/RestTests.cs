using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Google.Api;
using Grpc.Health.V1;
using Grpc.Reflection.V1Alpha;
using Orchestrator.Api.V1;
using File = System.IO.File;

namespace Orchestrator.Server.Tests.Api;

/// <summary>The same calls as REST, and what describes them.</summary>
public sealed class RestTests : IAsyncLifetime
{
    static readonly object submit = new { spec = "{ name: alpaca, model: { path: llama-7b }, data: { path: /data/alpaca.json } }", set = new[] { "workers=2" } };

    ApiHost host = null!;
    HttpClient http = null!;

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        host = await ApiHost.Start();
        http = host.Http();
    }

    public ValueTask DisposeAsync()
    {
        http.Dispose();
        return host.DisposeAsync();
    }

    [Fact]
    public async Task A_job_is_submitted_shown_scaled_and_ended()
    {
        Assert.Equal("QUEUED", (await Json(await http.PostAsJsonAsync("/v1/jobs", submit, Stop)))["phase"]!.GetValue<string>());
        Assert.Equal(2, (await Json(await http.GetAsync("/v1/jobs/alpaca", Stop)))["workersWanted"]!.GetValue<int>());
        Assert.Equal(5, (await Json(await http.PostAsJsonAsync("/v1/jobs/alpaca:scale", new { workers = 5 }, Stop)))["workersWanted"]!.GetValue<int>());
        Assert.Equal("SUSPENDED", (await Json(await http.PostAsync("/v1/jobs/alpaca:suspend", null, Stop)))["phase"]!.GetValue<string>());
        Assert.Equal("QUEUED", (await Json(await http.PostAsync("/v1/jobs/alpaca:resume", null, Stop)))["phase"]!.GetValue<string>());
        Assert.Equal("CANCELLED", (await Json(await http.PostAsync("/v1/jobs/alpaca:cancel", null, Stop)))["phase"]!.GetValue<string>());
        Assert.Single((await Json(await http.GetAsync("/v1/jobs?phases=CANCELLED&allNamespaces=true", Stop)))["jobs"]!.AsArray());
        Assert.Equal(HttpStatusCode.OK, (await http.DeleteAsync("/v1/jobs/alpaca", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/v1/jobs/alpaca", Stop)).StatusCode);
    }

    [Fact]
    public async Task A_refusal_is_json_with_every_problem()
    {
        using var answer = await http.PostAsJsonAsync("/v1/jobs", new { spec = "training: { epoch: 3, seed: x }" }, Stop);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var error = (await answer.Content.ReadFromJsonAsync<JsonObject>(Stop))!;
        Assert.Equal(3, error["code"]!.GetValue<int>());
        var fields = error["details"]![0]!["fieldViolations"]!.AsArray().Select(one => one!["field"]!.GetValue<string>());
        Assert.Contains("spec:1 training.epoch", fields);
        Assert.Contains("spec:1 training.seed", fields);
    }

    [Fact]
    public async Task Events_come_as_lines()
    {
        await http.PostAsJsonAsync("/v1/jobs", submit, Stop);
        host.Cluster.Job("alpaca").Steps(3);
        host.Cluster.Job("alpaca").Ends();
        var lines = (await http.GetStringAsync("/v1/jobs/alpaca/events?after=1", Stop)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!).ToList();
        Assert.Equal([2, 3, 4], lines.Select(line => line["number"]!.GetValue<int>()));
        Assert.Equal("COMPLETED", lines[^1]["changed"]!["phase"]!.GetValue<string>());
    }

    [Fact]
    public async Task Bytes_are_put_and_got_in_ranges()
    {
        await http.PostAsJsonAsync("/v1/jobs", submit, Stop);
        var folder = host.Folders.Jobs("default", "alpaca").Path;
        Directory.CreateDirectory(Path.Combine(folder, "checkpoints"));
        await File.WriteAllTextAsync(Path.Combine(folder, "checkpoints", "note.json"), "0123456789", Stop);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/jobs/alpaca/files/checkpoints/note.json") { Headers = { Range = new RangeHeaderValue(2, 5) } };
        using var part = await http.SendAsync(request, Stop);
        Assert.Equal((HttpStatusCode.PartialContent, "2345"), (part.StatusCode, await part.Content.ReadAsStringAsync(Stop)));
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/v1/jobs/alpaca/files/checkpoints/../../x", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/v1/jobs/nobody/files/x", Stop)).StatusCode);

        var bytes = RandomNumberGenerator.GetBytes(200_000);
        var blob = "/v1/blobs/" + Convert.ToHexStringLower(SHA256.HashData(bytes));
        using var wrong = await http.PutAsync(blob + "?offset=7", new ByteArrayContent(bytes), Stop);
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        Assert.True((await Json(await http.PutAsync(blob, new ByteArrayContent(bytes), Stop)))["complete"]!.GetValue<bool>());
        Assert.True((await Json(await http.GetAsync(blob, Stop)))["complete"]!.GetValue<bool>());
    }

    [Fact]
    public async Task The_description_has_every_call_that_is_served_and_its_references_lead_somewhere()
    {
        var document = (await http.GetFromJsonAsync<JsonObject>("/openapi/v1.json", Stop))!;
        var rules = JobsReflection.Descriptor.Services.SelectMany(service => service.Methods).Select(method => method.GetOptions()?.GetExtension(AnnotationsExtensions.Http)).OfType<HttpRule>().ToList();
        Assert.NotEmpty(rules);
        foreach (var rule in rules)
        {
            var path = new[] { rule.Get, rule.Post, rule.Put, rule.Delete }.First(path => path.Length > 0);
            Assert.NotNull(document["paths"]![path]![rule.PatternCase.ToString().ToLowerInvariant()]);
        }
        Assert.NotNull(document["paths"]!["/v1/blobs/{sha256}"]!["put"]);
        var schemas = document["components"]!["schemas"]!.AsObject();
        Assert.All(References(document), reference => Assert.True(schemas.ContainsKey(reference["#/components/schemas/".Length..]), reference));
        Assert.Contains("the highest committed step", schemas["Job"]!["properties"]!["step"]!["description"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal("integer", schemas["Job"]!["properties"]!["step"]!["type"]!.GetValue<string>());
    }

    [Fact]
    public async Task Health_and_reflection_answer()
    {
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, (await new Grpc.Health.V1.Health.HealthClient(host.Channel).CheckAsync(new HealthCheckRequest(), cancellationToken: Stop)).Status);
        using var reflection = new ServerReflection.ServerReflectionClient(host.Channel).ServerReflectionInfo(cancellationToken: Stop);
        await reflection.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" }, Stop);
        Assert.True(await reflection.ResponseStream.MoveNext(Stop));
        Assert.Contains("orchestrator.v1.Jobs", reflection.ResponseStream.Current.ListServicesResponse.Service.Select(service => service.Name));
    }

    static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject map => map.SelectMany(entry => entry.Key == "$ref" ? [entry.Value!.GetValue<string>()] : References(entry.Value)),
        JsonArray list => list.SelectMany(References),
        _ => [],
    };

    static async Task<JsonObject> Json(HttpResponseMessage answer)
    {
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Stop));
        return (await answer.Content.ReadFromJsonAsync<JsonObject>(Stop))!;
    }
}
