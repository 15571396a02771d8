using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Orchestrator.Collectives;
using Orchestrator.Server.Security;

namespace Orchestrator.Server;

/// <summary>The three ports that speak HTTP, and what answers on which.</summary>
static class Kestrel
{
    static readonly TimeSpan handshakeWithin = TimeSpan.FromSeconds(10);

    /// <summary>Listens.</summary>
    public static void AddPorts(this WebApplicationBuilder builder, ServerAddresses addresses, LimitsOptions limits, Credentials? credentials)
    {
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.TuneForGradients();
            kestrel.Limits.Hold(limits);
            // Without TLS nobody can agree on a version: a port speaks one.
            Listen(addresses.Http, credentials is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2, isForPeers: false);
            Listen(addresses.Api, HttpProtocols.Http2, isForPeers: false);
            Listen(addresses.Exchange, HttpProtocols.Http2, isForPeers: true);

            void Listen(int port, HttpProtocols protocols, bool isForPeers) => kestrel.Listen(addresses.Listen, port, listen =>
            {
                listen.Protocols = protocols;
                if (credentials is not null)
                    listen.UseHttps(new TlsHandshakeCallbackOptions { HandshakeTimeout = handshakeWithin, OnConnection = _ => ValueTask.FromResult(credentials.Incoming(isForPeers)) });
            });
        });
    }

    /// <summary>What is mapped on the result answers on these ports only.</summary>
    public static RouteGroupBuilder OnPorts(this IEndpointRouteBuilder app, params int[] ports)
    {
        var group = app.MapGroup("");
        group.WithMetadata(new AnsweringPorts(ports));
        return group;
    }

    /// <summary>What the builder maps answers on this port only.</summary>
    public static void OnPort(this IEndpointConventionBuilder endpoints, int port) => endpoints.Add(endpoint => endpoint.Metadata.Add(new AnsweringPorts([port])));

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
