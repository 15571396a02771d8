using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.StaticWebAssets;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Grains;
using Orchestrator.Page;
using Orchestrator.Server.Security;

namespace Orchestrator.Server;

/// <summary>The page, on the HTTP port. A program that embeds the server without the page's files has none.</summary>
static class WebPage
{
    static readonly string program = Path.Combine(AppContext.BaseDirectory, "orchestrator");      // beside it the build lists the page's files

    static string Assets => program + ".staticwebassets.endpoints.json";

    static bool IsThere => File.Exists(Assets);

    /// <summary>Adds it.</summary>
    public static void AddWebPage(this WebApplicationBuilder builder, ClusterFolders folders, ServerAddresses addresses, Credentials? credentials)
    {
        if (!IsThere)
            return;
        // What is built but not published has its files where they come from.
        if (File.Exists(program + ".staticwebassets.runtime.json"))
        {
            builder.Configuration["staticWebAssets"] = program + ".staticwebassets.runtime.json";
            StaticWebAssetsLoader.UseStaticWebAssets(builder.Environment, builder.Configuration);
        }
        var host = addresses.Listen.Equals(IPAddress.Any) ? IPAddress.Loopback : addresses.Listen.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : addresses.Listen;
        builder.Services.AddPage(new PageOptions(new UriBuilder(addresses.Scheme, host.ToString(), addresses.Api).Uri, Handler, Path.Combine(folders.Data, "page-keys")));

        SocketsHttpHandler Handler()
        {
            var handler = new SocketsHttpHandler { UseProxy = false, EnableMultipleHttp2Connections = true };
            if (credentials is not null)
                handler.SslOptions = credentials.ToPeer();
            return handler;
        }
    }

    /// <summary>What stands before it.</summary>
    public static void UseWebPage(this WebApplication app)
    {
        if (IsThere)
            app.UsePage();
    }

    /// <summary>Maps it.</summary>
    public static void MapWebPage(this WebApplication app, int port)
    {
        if (!IsThere)
            return;
        app.MapPage(Assets, endpoints => endpoints.OnPort(port));
        app.Services.GetRequiredService<PageSession>().Map(app, port);
    }
}
