using System.Globalization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Harness;
using Orchestrator.Server;
using Orchestrator.Server.Security;

namespace Orchestrator.Page.Tests;

/// <summary>What the page answers at.</summary>
[Collection(OnePage.Name)]
public sealed class AddressTests : IDisposable
{
    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-addresses-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task Every_address_of_the_page_is_in_the_servers_table_and_answers_on_one_port()
    {
        var flags = new Dictionary<string, string?> { ["Name"] = "a", ["Data"] = folder.FullName, ["Cache"] = folder.FullName, ["Workers"] = "0", ["Ports"] = FreePorts.InARow(5).ToString(CultureInfo.InvariantCulture) };
        await using var host = await ServerHost.Start(ServerSettings.Read(flags, new Dictionary<string, string?>()), TestContext.Current.CancellationToken);
        var served = host.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).Where(endpoint => endpoint is RouteEndpoint).ToList();
        var keys = served.Select(AccessSetup.KeyOf).Where(key => !key.Contains("unimplemented", StringComparison.Ordinal)).Distinct().Order(StringComparer.Ordinal).ToList();
        Assert.Equal([], keys.Where(key => !Access.Rules.ContainsKey(key)));
        Assert.Equal([], Access.Rules.Keys.Except(keys).Where(key => !key.StartsWith("/grpc.", StringComparison.Ordinal)));
    }
}
