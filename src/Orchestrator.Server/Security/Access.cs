using System.Collections.Frozen;

namespace Orchestrator.Server.Security;

/// <summary>Where a caller needs his role.</summary>
enum Reach
{
    /// <summary>Nowhere: whoever reaches the port may call.</summary>
    Open,

    /// <summary>Nowhere: the port lets servers of the cluster in only.</summary>
    Peers,

    /// <summary>In the namespace that the request says.</summary>
    Namespace,

    /// <summary>In any namespace; what the answer tells is bounded by those in which he has it.</summary>
    Somewhere,

    /// <summary>In all of them.</summary>
    Cluster,
}

/// <summary>What a call asks of its caller.</summary>
/// <param name="Role">what he must be</param>
/// <param name="Reach">where</param>
/// <param name="Mutates">whether something is different afterwards, so that the log tells of it</param>
/// <param name="Browser">whether the cookie of a browser that is signed in says who it is as well as a token: where nothing changes</param>
readonly record struct Rule(Role Role, Reach Reach, bool Mutates = false, bool Browser = false);

/// <summary>Every call that a server answers, over gRPC and REST, and what it asks of its caller. What is not here is refused where callers are asked who they are.</summary>
static class Access
{
    /// <summary>How the names of the API's own methods begin, whose requests <see cref="AccessInterceptor"/> looks at.</summary>
    public const string Api = "/orchestrator.v1.";

    /// <summary>The page's files: styles, scripts, fonts.</summary>
    public const string PageFile = "a file of the page";

    /// <summary>By the full name of a gRPC method (that of REST calls that are transcoded, too), or verb and pattern of a route.</summary>
    public static FrozenDictionary<string, Rule> Rules { get; } = new Dictionary<string, Rule>
    {
        [Api + "Jobs/Submit"] = new(Role.Editor, Reach.Namespace, Mutates: true),
        [Api + "Jobs/Get"] = new(Role.Viewer, Reach.Namespace),
        [Api + "Jobs/List"] = new(Role.Viewer, Reach.Namespace),
        [Api + "Jobs/Follow"] = new(Role.Viewer, Reach.Namespace),
        [Api + "Jobs/Validate"] = new(Role.Editor, Reach.Namespace),
        [Api + "Jobs/Watch"] = new(Role.Viewer, Reach.Namespace),
        [Api + "Jobs/Logs"] = new(Role.Viewer, Reach.Namespace),
        [Api + "Jobs/Scale"] = new(Role.Editor, Reach.Namespace, Mutates: true),
        [Api + "Jobs/Suspend"] = new(Role.Editor, Reach.Namespace, Mutates: true),
        [Api + "Jobs/Resume"] = new(Role.Editor, Reach.Namespace, Mutates: true),
        [Api + "Jobs/Cancel"] = new(Role.Editor, Reach.Namespace, Mutates: true),
        [Api + "Jobs/Delete"] = new(Role.Editor, Reach.Namespace, Mutates: true),
        [Api + "Files/List"] = new(Role.Viewer, Reach.Namespace),
        [Api + "Files/Download"] = new(Role.Viewer, Reach.Namespace),
        [Api + "Files/Upload"] = new(Role.Editor, Reach.Somewhere, Mutates: true),
        [Api + "Files/GetBlob"] = new(Role.Editor, Reach.Somewhere),
        [Api + "Workers/List"] = new(Role.Viewer, Reach.Somewhere),
        [Api + "Workers/Follow"] = new(Role.Viewer, Reach.Somewhere),
        [Api + "Workers/Cordon"] = new(Role.Admin, Reach.Cluster, Mutates: true),
        [Api + "Workers/Uncordon"] = new(Role.Admin, Reach.Cluster, Mutates: true),
        [Api + "Workers/Drain"] = new(Role.Admin, Reach.Cluster, Mutates: true),
        [Api + "Tokens/Create"] = new(Role.Admin, Reach.Namespace, Mutates: true),
        [Api + "Tokens/List"] = new(Role.Admin, Reach.Somewhere),
        [Api + "Tokens/Revoke"] = new(Role.Admin, Reach.Somewhere, Mutates: true),
        ["GET /v1/jobs/{name}/files/{**path}"] = new(Role.Viewer, Reach.Namespace, Browser: true),
        ["PUT /v1/blobs/{sha256}"] = new(Role.Editor, Reach.Somewhere, Mutates: true),
        ["GET /openapi/v1.json"] = new(Role.Viewer, Reach.Somewhere),
        ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"] = new(Role.Viewer, Reach.Somewhere),
        ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"] = new(Role.Viewer, Reach.Somewhere),
        ["/grpc.health.v1.Health/Check"] = new(default, Reach.Open),
        ["/grpc.health.v1.Health/List"] = new(default, Reach.Open),
        ["/grpc.health.v1.Health/Watch"] = new(default, Reach.Open),
        ["/healthz"] = new(default, Reach.Open),
        ["/readyz"] = new(default, Reach.Open),
        ["/metrics"] = new(default, Reach.Open),
        // The page calls the API with the token of whoever is signed in: what he may do there is asked above.
        [PageFile] = new(default, Reach.Open),
        ["{**path:file}"] = new(default, Reach.Open),      // the same, of a build that is not published
        ["/sign-in"] = new(default, Reach.Open),
        ["POST /sign-in"] = new(default, Reach.Open),
        ["POST /sign-out"] = new(default, Reach.Open, Browser: true),
        ["/"] = new(Role.Viewer, Reach.Somewhere, Browser: true),
        ["/jobs/{Space}/{Name}"] = new(Role.Viewer, Reach.Somewhere, Browser: true),
        ["/queue"] = new(Role.Viewer, Reach.Somewhere, Browser: true),
        ["/cluster"] = new(Role.Viewer, Reach.Somewhere, Browser: true),
        ["/submit"] = new(Role.Editor, Reach.Somewhere, Browser: true),
        ["/_blazor"] = new(Role.Viewer, Reach.Somewhere, Browser: true),
        ["/_blazor/negotiate"] = new(Role.Viewer, Reach.Somewhere, Browser: true),
        ["/_blazor/disconnect/"] = new(Role.Viewer, Reach.Somewhere, Browser: true),
        ["/_blazor/initializers/"] = new(Role.Viewer, Reach.Somewhere, Browser: true),
        ["GET /_framework/opaque-redirect"] = new(Role.Viewer, Reach.Somewhere, Browser: true),
        ["/orchestrator.exchange.v1.Gradients/Stream"] = new(default, Reach.Peers),
        ["/orchestrator.exchange.v1.State/Copy"] = new(default, Reach.Peers),
    }.ToFrozenDictionary();
}
