using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Orchestrator.Chart.Tests;

/// <summary>As much of an API server as helm asks when a template looks something up: which kinds there are (those of a trial), and secrets by name.</summary>
sealed class Cluster : IDisposable
{
    readonly HttpListener listener = new();
    readonly IReadOnlyDictionary<string, JsonObject> secrets;
    readonly Task answering;

    /// <param name="secrets">what is there</param>
    public Cluster(IEnumerable<JsonObject> secrets)
    {
        this.secrets = secrets.ToDictionary(secret => secret.Name(), Installed);
        using (var free = new TcpListener(IPAddress.Loopback, 0))
        {
            free.Start();
            Address = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}";
        }
        listener.Prefixes.Add(Address + "/");
        listener.Start();
        answering = Task.Run(Answer);
    }

    /// <summary>Where it listens.</summary>
    public string Address { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        listener.Stop();
        answering.Wait();
        listener.Close();
    }

    // As helm leaves what it has installed.
    static JsonObject Installed(JsonObject secret)
    {
        var there = secret.DeepClone().AsObject();
        there["metadata"]!["annotations"] = new JsonObject { ["meta.helm.sh/release-name"] = "release", ["meta.helm.sh/release-namespace"] = Release.Namespace };
        return there;
    }

    void Answer()
    {
        while (true)
            try
            {
                var context = listener.GetContext();
                var body = Of(context.Request.Url!.AbsolutePath);
                context.Response.StatusCode = body is null ? 404 : 200;
                context.Response.ContentType = "application/json";
                var answer = body ?? new JsonObject { ["kind"] = "Status", ["apiVersion"] = "v1", ["status"] = "Failure", ["reason"] = "NotFound", ["code"] = 404 };
                context.Response.OutputStream.Write(Encoding.UTF8.GetBytes(answer.ToJsonString()));
                context.Response.Close();
            }
            catch (HttpListenerException)
            {
                return;      // it was stopped
            }
    }

    JsonObject? Of(string path) => path switch
    {
        "/version" => new() { ["major"] = "1", ["minor"] = "34", ["gitVersion"] = "v1.34.0" },
        "/api" => new() { ["kind"] = "APIVersions", ["versions"] = new JsonArray("v1") },
        "/apis" => new()
        {
            ["kind"] = "APIGroupList", ["apiVersion"] = "v1",
            ["groups"] = new JsonArray([.. Versions().Where(version => version.Contains('/', StringComparison.Ordinal)).Select(version =>
            {
                var named = new JsonObject { ["groupVersion"] = version, ["version"] = version.Split('/')[1] };
                return new JsonObject { ["name"] = version.Split('/')[0], ["versions"] = new JsonArray(named), ["preferredVersion"] = named.DeepClone() };
            })]),
        },
        _ when Versions().FirstOrDefault(version => path == (version.Contains('/', StringComparison.Ordinal) ? "/apis/" : "/api/") + version) is { } version => new()
        {
            ["kind"] = "APIResourceList", ["groupVersion"] = version,
            ["resources"] = new JsonArray([.. Kinds().Where(kind => kind.Version == version).Select(kind => new JsonObject
            {
                ["name"] = kind.Name.ToLowerInvariant() switch { [.. var stem, 'y'] => stem + "ies", var name => name + "s" }, ["kind"] = kind.Name, ["namespaced"] = true, ["verbs"] = new JsonArray("get"),
            })]),
        },
        _ when path.StartsWith($"/api/v1/namespaces/{Release.Namespace}/secrets/", StringComparison.Ordinal) => secrets.GetValueOrDefault(path.Split('/')[^1]),
        _ => null,
    };

    static IEnumerable<string> Versions() => Kinds().Select(kind => kind.Version).Distinct();

    static IEnumerable<(string Version, string Name)> Kinds() => Release.Of("trial").Manifests.Select(manifest => (manifest.Text("apiVersion")!, manifest.Text("kind")!)).Distinct();
}
