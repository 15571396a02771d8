using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orchestrator.Page.Live;
using Radzen;

namespace Orchestrator.Page;

/// <summary>Where the page finds what it shows.</summary>
/// <param name="Api">the public API of its own server</param>
/// <param name="Handler">the way there</param>
/// <param name="KeysFolder">where the servers of a cluster share the keys with which they sign what a browser keeps for them</param>
public sealed record PageOptions(Uri Api, Func<HttpMessageHandler> Handler, string KeysFolder);

/// <summary>
/// The page: for people, beside the API. It is a caller of the API like any other, with the token of whoever is signed in, so that it can do nothing that its user may not do, and shows nothing that he
/// may not see.
/// </summary>
public static class PageSetup
{
    const string Policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";
    const UnixFileMode OwnersOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Adds the page.</summary>
    public static void AddPage(this IServiceCollection services, PageOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(options.KeysFolder);
        else
            Directory.CreateDirectory(options.KeysFolder, OwnersOnly);
        services.AddDataProtection().SetApplicationName("orchestrator").PersistKeysToFileSystem(new DirectoryInfo(options.KeysFolder));
        services.Configure<LoggerFilterOptions>(log => log.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error));      // the keys are as well kept as the folder
        services.AddAntiforgery(antiforgery => (antiforgery.Cookie.Name, antiforgery.Cookie.SameSite) = ("orchestrator-form", SameSiteMode.Strict));
        services.AddRazorComponents().AddInteractiveServerComponents();
        services.AddCascadingAuthenticationState();
        services.AddRadzenComponents();
        services.AddSingleton(_ => GrpcChannel.ForAddress(options.Api, new GrpcChannelOptions { HttpHandler = options.Handler(), DisposeHttpClient = true }));
        services.AddScoped<ClusterApi>();
    }

    /// <summary>What stands between the routing and the page.</summary>
    public static void UsePage(this IApplicationBuilder app)
    {
        app.Use((context, next) =>
        {
            if (context.Request.Path.StartsWithSegments("/_blazor", StringComparison.Ordinal) && context.Request.Headers.Origin is [{ } origin] && !IsOurs(origin, context.Request))
            {
                context.Response.StatusCode = StatusCodes.Status403Forbidden;      // a page of somebody else's, in a browser that reaches this server
                return Task.CompletedTask;
            }
            context.Response.Headers.ContentSecurityPolicy = Policy;
            context.Response.Headers.XContentTypeOptions = "nosniff";
            context.Response.Headers["Referrer-Policy"] = "same-origin";
            return next(context);
        });
        app.UseAntiforgery();
    }

    static bool IsOurs(string origin, HttpRequest request) => Uri.TryCreate(origin, UriKind.Absolute, out var from) && string.Equals(from.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase);

    /// <summary>Maps the page and its files.</summary>
    /// <param name="routes">the server's</param>
    /// <param name="assets">the list of the files, which the build has made</param>
    /// <param name="each">told of everything that is mapped</param>
    public static void MapPage(this IEndpointRouteBuilder routes, string assets, Action<IEndpointConventionBuilder> each)
    {
        ArgumentNullException.ThrowIfNull(each);
        each(routes.MapStaticAssets(assets));
        each(routes.MapRazorComponents<App>().AddInteractiveServerRenderMode().WithStaticAssets(assets));
    }
}
