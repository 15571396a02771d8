using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orchestrator.Harness;

namespace Orchestrator.Operator.Tests.Emulated;

/// <summary>
/// An API server as clients see it, over plain HTTP on loopback: discovery, OpenAPI, tables, lists, watches with bookmarks, patches, status and scale, by the rules of <see cref="ResourceStore"/>.
/// It can be stopped and started again with what it keeps, throttle, fail and close watches.
/// </summary>
sealed partial class EmulatedServer : IAsyncDisposable
{
    readonly int port = FreePorts.InARow(1);
    WebApplication? app;
    CancellationTokenSource watching = new();
    int watchers;
    int throttled;
    int failing;

    /// <summary>What it keeps.</summary>
    public ResourceStore Store { get; } = new();

    /// <summary>Where it listens.</summary>
    public Uri Address => new($"http://127.0.0.1:{port}");

    /// <summary>Every request so far, without its parameters: <c>GET /version</c>.</summary>
    public System.Collections.Concurrent.ConcurrentQueue<string> Asked { get; } = [];

    public static async Task<EmulatedServer> Start()
    {
        var server = new EmulatedServer();
        await server.Up();
        return server;
    }

    /// <summary>It starts, with what it kept.</summary>
    public async Task Up()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls(Address.ToString());
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));
        builder.Logging.ClearProviders();
        app = builder.Build();
        app.Run(Answer);
        await app.StartAsync();
    }

    /// <summary>It stops, and with it every watch.</summary>
    public async Task Down()
    {
        CloseWatches();
        await app!.StopAsync();
        await app.DisposeAsync();
        app = null;
    }

    /// <summary>Ends all watches.</summary>
    public void CloseWatches()
    {
        var before = Interlocked.Exchange(ref watching, new CancellationTokenSource());
        before.Cancel();
    }

    /// <summary>Whether somebody watches whole resources, and it has stopped misbehaving.</summary>
    public bool IsWatched => watchers > 0 && throttled <= 0 && failing <= 0;

    /// <summary>Answers so many requests with 429, and so many with 500.</summary>
    public void Misbehave(int throttle, int fail) => (throttled, failing) = (throttle, fail);

    /// <summary>A file by which clients find it.</summary>
    public string Kubeconfig(string folder)
    {
        var file = Path.Combine(folder, "kubeconfig");
        File.WriteAllText(file, $$"""
            apiVersion: v1
            kind: Config
            clusters: [{ name: emulated, cluster: { server: "{{Address}}" } }]
            users: [{ name: somebody, user: { token: anything } }]
            contexts: [{ name: emulated, context: { cluster: emulated, user: somebody, namespace: default } }]
            current-context: emulated

            """);
        return file;
    }

    async Task Answer(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        Asked.Enqueue($"{request.Method} {request.Path}");
        try
        {
            if (Interlocked.Decrement(ref throttled) >= 0)
            {
                response.Headers.RetryAfter = "1";
                throw new StatusException(429, "TooManyRequests", "too many requests, please try again later");
            }
            if (Interlocked.Decrement(ref failing) >= 0)
                throw new StatusException(500, "InternalError", "etcdserver: request timed out");
            var body = request.ContentLength is not 0 ? await new StreamReader(request.Body).ReadToEndAsync(context.RequestAborted) : "";
            await (Discovery(request) is { } found ? Write(response, found.Body, type: found.Type) : Resource(context, ResourceAddress.Of(request.Path), body.Length > 0 ? JsonNode.Parse(body)!.AsObject() : []));
        }
        catch (StatusException no)
        {
            await Write(response, no.Status, no.Code);
        }
        catch (OperationCanceledException)      // whoever watched is gone, or the server goes
        {
        }
    }

    Task Resource(HttpContext context, ResourceAddress? at, JsonObject body)
    {
        var (request, response) = (context.Request, context.Response);
        if (at is not { } address)
            throw new StatusException(404, "NotFound", "the server could not find the requested resource");
        var asTable = request.Headers.Accept.ToString().Contains("as=Table", StringComparison.Ordinal);
        return (request.Method, address.Name, address.Part) switch
        {
            ("GET", null, null) when request.Query["watch"] == "true" => Watch(context, address, asTable),
            ("GET", null, null) => Write(response, List(address, FieldName(request), asTable)),
            ("GET", { } name, "scale") => Write(response, ScaleOf(address, Store.Get(address.Plural, address.Space!, name))),
            ("GET", { } name, _) when Store.Get(address.Plural, address.Space!, name) is var resource => Write(response, asTable ? Table([resource], Store.Version) : resource),
            ("POST", null, null) => Write(response, Created(request, address, body), 201),
            ("PATCH" or "PUT", { } name, "scale") => Write(response, ScaleOf(address, Scaled(address, name, body))),
            ("PATCH", { } name, _) => Write(response, Patched(request, address, name, body)),
            ("PUT", { } name, _) => Write(response, Store.Replace(address.Plural, address.Space!, name, body, address.Part == "status")),
            ("DELETE", { } name, null) => Write(response, Deleted(address, name)),
            _ => throw new StatusException(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
        };
    }

    JsonObject Created(HttpRequest request, ResourceAddress address, JsonObject body)
    {
        Demand(request);
        return Store.Create(address.Plural, address.Space!, body);
    }

    // A server-side apply makes what is not there, and does not look who owned a field.
    JsonObject Patched(HttpRequest request, ResourceAddress address, string name, JsonObject body)
    {
        if (request.ContentType?.StartsWith("application/apply-patch+yaml", StringComparison.Ordinal) != true)
        {
            return request.ContentType?.StartsWith("application/merge-patch+json", StringComparison.Ordinal) == true ? Store.Patch(address.Plural, address.Space!, name, body, address.Part == "status")
                : throw new StatusException(415, "UnsupportedMediaType", $"the body of the request was in an unknown format: {request.ContentType}");
        }
        Demand(request);
        try
        {
            return Store.Patch(address.Plural, address.Space!, name, body, ofStatus: false);
        }
        catch (StatusException no) when (no.Code == 404)
        {
            return Store.Create(address.Plural, address.Space!, body);
        }
    }

    static void Demand(HttpRequest request) => Assert.True(request.Query["fieldValidation"] is not { Count: > 0 } asked || asked == "Strict", "clients ask to be strict");

    // Kubernetes answers with what was deleted only where it is still there.
    JsonObject Deleted(ResourceAddress address, string name)
    {
        var uid = Store.Get(address.Plural, address.Space!, name)["metadata"]!["uid"]!.ToString();
        return Store.Delete(address.Plural, address.Space!, name) ?? new JsonObject
        {
            ["kind"] = "Status", ["apiVersion"] = "v1", ["metadata"] = new JsonObject(), ["status"] = "Success",
            ["details"] = new JsonObject { ["name"] = name, ["group"] = address.Group, ["kind"] = address.Plural, ["uid"] = uid },
        };
    }

    JsonObject List(ResourceAddress address, string? name, bool asTable)
    {
        var (resources, version) = Store.List(address.Plural, address.Space);
        var wanted = resources.Where(resource => name is null || resource["metadata"]!["name"]!.ToString() == name).ToList();
        return asTable ? Table(wanted, version) : new JsonObject
        {
            ["apiVersion"] = address.Version, ["kind"] = address.Kind + "List", ["metadata"] = new JsonObject { ["resourceVersion"] = $"{version}" }, ["items"] = new JsonArray([.. wanted]),
        };
    }

    static string? FieldName(HttpRequest request)
        => request.Query["fieldSelector"].ToString() is { Length: > 0 } selector && selector.StartsWith("metadata.name=", StringComparison.Ordinal) ? selector["metadata.name=".Length..] : null;

    async Task Watch(HttpContext context, ResourceAddress address, bool asTable)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, watching.Token);
        if (int.TryParse(context.Request.Query["timeoutSeconds"], out var seconds))
            ends.CancelAfter(TimeSpan.FromSeconds(seconds));
        var (response, query, name) = (context.Response, context.Request.Query, FieldName(context.Request));
        var first = true;
        response.ContentType = "application/json";
        context.Features.Get<IHttpResponseBodyFeature>()!.DisableBuffering();

        var at = long.TryParse(query["resourceVersion"], out var named) && named > 0 && query["sendInitialEvents"] != "true" ? named : -1;
        if (at < 0)
        {
            var (there, version) = Store.List(address.Plural, address.Space);
            foreach (var resource in there)
                await Tell("ADDED", resource);
            at = version;
            if (query["sendInitialEvents"] == "true")
                await Line("BOOKMARK", Bookmark(version, new JsonObject { ["annotations"] = new JsonObject { ["k8s.io/initial-events-end"] = "true" } }));
        }
        await response.Body.FlushAsync(ends.Token);
        if (!asTable)
            Interlocked.Increment(ref watchers);
        try
        {
            while (true)
            {
                var (changes, more) = Store.After(at, address.Plural, address.Space);
                foreach (var change in changes)
                {
                    await Tell(change.Type, change.Resource);
                    at = change.Version;
                }
                if (changes.Count == 0 && query["allowWatchBookmarks"] == "true" && Store.Version > at)
                    await Line("BOOKMARK", Bookmark(at = Store.Version, []));
                await response.Body.FlushAsync(ends.Token);
                await more.WaitAsync(ends.Token);
            }
        }
        catch (StatusException gone)
        {
            await Line("ERROR", gone.Status);
        }
        finally
        {
            if (!asTable)
                Interlocked.Decrement(ref watchers);
        }

        async Task Tell(string type, JsonObject resource)
        {
            if (name is not null && resource["metadata"]!["name"]!.ToString() != name)
                return;
            await Line(type, asTable ? Table([resource], at, first) : resource.DeepClone().AsObject());
            first = false;
        }

        Task Line(string type, JsonObject what) => response.WriteAsync(new JsonObject { ["type"] = type, ["object"] = what }.ToJsonString() + "\n", ends.Token);

        JsonObject Bookmark(long version, JsonObject metadata)
        {
            metadata["resourceVersion"] = $"{version}";
            return new JsonObject { ["kind"] = address.Kind, ["apiVersion"] = address.Version, ["metadata"] = metadata };
        }
    }

    static Task Write(HttpResponse response, JsonObject body, int code = 200, string type = "application/json")
    {
        (response.StatusCode, response.ContentType) = (code, type);
        return response.WriteAsync(body.ToJsonString());
    }

    public async ValueTask DisposeAsync()
    {
        if (app is not null)
            await Down();
        watching.Dispose();
    }
}
