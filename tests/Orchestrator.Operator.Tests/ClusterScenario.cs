using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Chart.Tests;
using Orchestrator.Harness;

namespace Orchestrator.Operator.Tests;

/// <summary>What a user does with a <c>TrainingJob</c>, by kubectl, beside a real server that trains it: against whatever API server there is.</summary>
sealed class ClusterScenario(string version, string kubeconfig, string folder, ServerProcess server)
{
    static readonly string bundle = Path.Combine(AppContext.BaseDirectory, "Demo", "Bundle");

    readonly Kubectl kubectl = new(version, kubeconfig, folder);

    /// <summary>Whether the API server knows rules about several keys.</summary>
    public bool KnowsRules { get; init; } = true;

    /// <summary>A job of some seconds.</summary>
    public static JsonObject Job(string name, int workers, int seed = 0) => new()
    {
        ["apiVersion"] = "orchestrator.dev/v1alpha1", ["kind"] = "TrainingJob", ["metadata"] = new JsonObject { ["name"] = name },
        ["spec"] = new JsonObject
        {
            ["model"] = new JsonObject { ["path"] = Path.Combine(bundle, "base") },
            ["data"] = new JsonObject { ["path"] = Path.Combine(bundle, "records.json"), ["maxSequenceLength"] = 64, ["validation"] = 56 },
            ["training"] = new JsonObject { ["epochs"] = 3, ["globalBatchSize"] = 32, ["microBatchSize"] = 4, ["seed"] = seed },
            ["workers"] = workers,
        },
    };

    /// <summary>Apply, get, watch, scale, wait, explain, delete; the adapter has the bytes of one worker's.</summary>
    public async Task Holds()
    {
        var name = $"tiny-{version.Replace('.', '-')}";
        Assert.Contains("seed", kubectl.Run("explain", "trainingjob.spec.training"), StringComparison.Ordinal);
        Assert.Contains("unknown field \"spec.wokers\"", kubectl.Refused(Changed(Job(name, 1), spec => spec["wokers"] = 2), "apply", "-f", "-"), StringComparison.Ordinal);
        Assert.Contains("spec.workers", kubectl.Refused(Job(name, 0).ToJsonString(), "apply", "-f", "-"), StringComparison.Ordinal);

        Assert.Contains("created", kubectl.Give(Job(name, 1).ToJsonString(), "apply", "-f", "-"), StringComparison.Ordinal);
        using var watch = kubectl.Watch("get", "trainingjobs", "--watch");
        kubectl.Run("wait", $"trainingjob/{name}", "--for=condition=Running", "--timeout=60s");
        await watch.Says("Running", () => server.Log);

        kubectl.Run("scale", $"trainingjob/{name}", "--replicas=3");
        await Says(name, status => (int?)status["workers"] == 3, "3 workers compute");
        Assert.Contains("unchanged", kubectl.Give(Job(name, 1).ToJsonString(), "apply", "-f", "-").Replace("configured", "unchanged", StringComparison.Ordinal), StringComparison.Ordinal);
        kubectl.Run("scale", $"trainingjob/{name}", "--replicas=2");
        await Says(name, status => (int?)status["workersWanted"] == 2, "2 workers are wanted");
        if (KnowsRules)
            Assert.Contains("only workers and suspend may change", kubectl.Refused(Job(name, 2, seed: 5).ToJsonString(), "apply", "-f", "-"), StringComparison.Ordinal);

        kubectl.Run("wait", $"trainingjob/{name}", "--for=condition=Complete", "--timeout=90s");
        var status = Status(name);
        Assert.Equal(AloneDigest(name), status["digest"]!.ToString());
        Assert.Equal($"{status["steps"]}/{status["steps"]}", status["progress"]!.ToString());
        Assert.InRange((double)status["goodput"]!, 0.01, 1);
        await watch.Says("Completed", () => server.Log);
        Assert.Contains("Completed", kubectl.Run("get", "tj", name), StringComparison.Ordinal);

        Assert.Contains("deleted", kubectl.Run("delete", "trainingjob", name), StringComparison.Ordinal);
        Assert.Contains("not found", kubectl.Refused("", "get", "trainingjob", name), StringComparison.Ordinal);
        await Cancels(name + "-long");
    }

    // Deleted while it runs: cancelled, forgotten, and its name is free.
    async Task Cancels(string name)
    {
        kubectl.Give(Changed(Job(name, 1), spec => spec["training"]!["epochs"] = 200), "apply", "--server-side", "-f", "-");
        kubectl.Run("wait", $"trainingjob/{name}", "--for=jsonpath={.status.phase}=Running", "--timeout=60s");
        kubectl.Run("delete", "trainingjob", name, "--timeout=60s");
        using var http = new HttpClient();
        var answer = await http.GetAsync(new Uri(server.Http, $"/v1/jobs/{name}"), TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.NotFound, answer.StatusCode);
    }

    /// <summary>Waits until the resource says something.</summary>
    public Task Says(string name, Func<JsonObject, bool> condition, string what)
        => Eventually.Holds(() => condition(Status(name)), TimeSpan.FromSeconds(60), $"{name}: {what}", () => Status(name).ToJsonString() + server.Log);

    /// <summary>The resource's status.</summary>
    public JsonObject Status(string name) => JsonNode.Parse(kubectl.Run("get", "trainingjob", name, "-o", "json"))!["status"] as JsonObject ?? [];

    static string Changed(JsonObject job, Action<JsonObject> change)
    {
        change(job["spec"]!.AsObject());
        return job.ToJsonString();
    }

    // The same job by one worker, undisturbed and without any cluster.
    string AloneDigest(string name)
    {
        var spec = Job(name, 1)["spec"]!.DeepClone().AsObject();
        spec["name"] = name;
        var file = Path.Combine(folder, $"{name}.json");
        File.WriteAllText(file, spec.ToJsonString());
        var run = Path.Combine(folder, "alone-" + name);
        var (code, output, errors) = Checkout.Run(Path.Combine(AppContext.BaseDirectory, "orchestrator"), ["train", file, "--workers", "1", "--output", run], folder,
            environment: new Dictionary<string, string> { ["ORCHESTRATOR_CACHE"] = Path.Combine(folder, "cache") });
        Assert.True(code == 0, output + errors);
        return JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "run.json"))).RootElement.GetProperty("adapterSha256").GetString()!;
    }
}
