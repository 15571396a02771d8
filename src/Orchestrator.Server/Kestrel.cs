using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Orchestrator.Collectives;

namespace Orchestrator.Server;

/// <summary>The three ports that speak HTTP, and what answers on which.</summary>
static class Kestrel
{
    /// <summary>Listens.</summary>
    public static void AddPorts(this WebApplicationBuilder builder, ServerAddresses addresses)
        => builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.TuneForGradients();
            // Without TLS nobody can agree on a version: a port speaks one.
            kestrel.Listen(addresses.Listen, addresses.Http, listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Listen(addresses.Listen, addresses.Api, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Listen(addresses.Listen, addresses.Exchange, listen => listen.Protocols = HttpProtocols.Http2);
        });

    /// <summary>What is mapped on the result answers on these ports only.</summary>
    public static RouteGroupBuilder OnPorts(this IEndpointRouteBuilder app, params int[] ports)
    {
        var group = app.MapGroup("");
        group.WithMetadata(new AnsweringPorts(ports));
        return group;
    }

    /// <summary>Keeps each endpoint to its ports; stands behind the routing.</summary>
    public static void UsePorts(this IApplicationBuilder app)
        => app.Use((context, next) =>
        {
            if (context.GetEndpoint()?.Metadata.GetMetadata<AnsweringPorts>() is not { } answering || answering.Ports.Contains(context.Connection.LocalPort))
                return next(context);
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        });

    sealed record AnsweringPorts(int[] Ports);
}
