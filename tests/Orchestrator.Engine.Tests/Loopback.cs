using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orchestrator.Collectives;

namespace Orchestrator.Engine.Tests;

/// <summary>The processes of a rehearsal, each a host of the real exchange on a free loopback port.</summary>
sealed class Loopback : IAsyncDisposable
{
    readonly Dictionary<string, WebApplication> hosts = [];

    public static async Task<Loopback> Of(params string[] processes)
    {
        var all = new Loopback();
        foreach (var process in processes)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(kestrel =>
            {
                kestrel.TuneForGradients();
                kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
            });
            builder.Services.AddGradientExchange(new ExchangeOptions());
            var app = builder.Build();
            app.MapGradientExchange();
            await app.StartAsync(TestContext.Current.CancellationToken);
            all.hosts.Add(process, app);
        }
        return all;
    }

    public Rehearsal.Link this[string process] => new(
        hosts[process].Services.GetRequiredService<GradientExchange>(), hosts[process].Services.GetRequiredService<StateCopy>(),
        new Uri(hosts[process].Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()));

    public async ValueTask DisposeAsync()
    {
        foreach (var host in hosts.Values)
            await host.DisposeAsync();
    }
}
