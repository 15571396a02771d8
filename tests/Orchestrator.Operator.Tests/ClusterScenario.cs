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

    /// <summary>Whether the API server refuses unknown keys, and knows rules about several of them: since 1.25.</summary>
    public bool IsRecent { get; init; } = true;

    /// <summary>Something bad for the API server, while the job rests; nothing by default.</summary>
    public Func<Task> Disturb { get; init; } = () => Task.CompletedTask;

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
        if (IsRecent)
            Assert.Contains("unknown field \"spec.wokers\"", kubectl.Refused(Changed(Job(name, 1), spec => spec["wokers"] = 2), "apply", "-f", "-"), StringComparison.Ordinal);
        Assert.Contains("spec.workers", kubectl.Refused(Job(name, 0).ToJsonString(), "apply", "-f", "-"), StringComparison.Ordinal);

        Assert.Contains("created", kubectl.Give(Job(name, 1).ToJsonString(), "apply", "-f", "-"), StringComparison.Ordinal);
        kubectl.Run("wait", $"trainingjob/{name}", "--for=condition=Running", "--timeout=60s");

        kubectl.Run("patch", "trainingjob", name, "--type=merge", "--patch", """{"spec":{"suspend":true}}""");
        kubectl.Run("wait", $"trainingjob/{name}", "--for=condition=Suspended", "--timeout=60s");
        await Disturb();
        using var watch = kubectl.Watch("get", "trainingjobs", "--watch");
        await watch.Says("Suspended", () => server.Log);
        kubectl.Run("scale", $"trainingjob/{name}", "--replicas=3");
        kubectl.Run("patch", "trainingjob", name, "--type=merge", "--patch", """{"spec":{"suspend":false}}""");
        await Says(name, status => (int?)status["workers"] == 3, "3 workers compute");
        kubectl.Run("scale", $"trainingjob/{name}", "--replicas=2");
        await Says(name, status => (int?)status["workersWanted"] == 2, "2 workers are wanted");
        if (IsRecent)
            Assert.Contains("only workers and suspend may change", kubectl.Refused(Job(name, 2, seed: 5).ToJsonString(), "apply", "-f", "-"), StringComparison.Ordinal);

        kubectl.Run("wait", $"trainingjob/{name}", "--for=condition=Complete", "--timeout=90s");
        var status = Status(name);
        Assert.Equal(alone.Value, status["digest"]!.ToString());
        Assert.Equal($"{status["steps"]}/{status["steps"]}", status["progress"]!.ToString());
        Assert.InRange((double)status["goodput"]!, 0.01, 1);
        await watch.Says("Running", () => server.Log);
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

    // The same job by one worker, undisturbed and without any cluster. A result does not depend on the name.
    static readonly Lazy<string> alone = new(() =>
    {
        var folder = Directory.CreateTempSubdirectory("orchestrator-alone-").FullName;
        try
        {
            var spec = Job("tiny", 1)["spec"]!.DeepClone().AsObject();
            var (file, run) = (Path.Combine(folder, "tiny.json"), Path.Combine(folder, "run"));
            File.WriteAllText(file, spec.ToJsonString());
            var (code, output, errors) = Checkout.Run(Path.Combine(AppContext.BaseDirectory, "orchestrator"), ["train", file, "--workers", "1", "--output", run], folder,
                environment: new Dictionary<string, string> { ["ORCHESTRATOR_CACHE"] = Path.Combine(folder, "cache") });
            Assert.True(code == 0, output + errors);
            return JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "run.json"))).RootElement.GetProperty("adapterSha256").GetString()!;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    });
}
