using System.Net.Security;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Orchestrator.Api.V1;
using Orchestrator.Harness;
using File = System.IO.File;

namespace Orchestrator.Page.Tests;

/// <summary>A real server with certificates, which asks everybody who he is, and Chromium. It has a job in the namespace <c>team</c> and one in <c>lab</c>.</summary>
public sealed class SecuredServer : IAsyncLifetime
{
    /// <summary>The administrator's token.</summary>
    public const string Admin = "the-administrator-of-a-test";

    const string Name = "orchestrator.test";

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-page-secured-");
    readonly TestAuthority authority = new();
    readonly Browser browser = new();
    ServerProcess? server;
    GrpcChannel? channel;

    /// <summary>The server.</summary>
    public ServerProcess Server => server!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        await browser.InitializeAsync();
        var settings = authority.Equip(Path.Combine(folder.FullName, "tls"), Name);
        settings["ORCHESTRATOR_SECURITY__ADMINTOKEN"] = Path.Combine(folder.FullName, "admin");
        var bundle = Path.Combine(AppContext.BaseDirectory, "Demo", "Bundle");
        settings["ORCHESTRATOR_MODELS"] = bundle;
        settings["ORCHESTRATOR_RECORDS"] = folder.FullName;
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "admin"), Admin);
        server = await ServerProcess.Start("a", Path.Combine(folder.FullName, "data"), workers: 0, environment: settings);
        channel = GrpcChannel.ForAddress(server.Api, new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { SslOptions = authority.Trusting() } });
        foreach (var space in new[] { "team", "lab" })
            await Jobs(Admin).SubmitAsync(new SubmitRequest { Namespace = space, Spec = OpenServer.Spec($"of-{space}", folder.FullName) });
    }

    /// <summary>For a connection of a client that trusts its authority.</summary>
    public SslClientAuthenticationOptions Trusting => authority.Trusting();

    /// <summary>Somebody looks.</summary>
    public Task<Visit> Visit() => browser.Open(Server.Http);

    /// <summary>The API beside the page.</summary>
    public Jobs.JobsClient Jobs(string token) => new(As(token));

    /// <summary>The tokens.</summary>
    public Tokens.TokensClient Tokens => new(As(Admin));

    /// <summary>A new token.</summary>
    public async Task<CreatedToken> Token(string space, Role role)
        => await Tokens.CreateAsync(new CreateTokenRequest { Name = $"{space}-{role}".ToLowerInvariant(), Namespace = space, Role = role, Lifetime = Duration.FromTimeSpan(TimeSpan.FromHours(1)) });

    CallInvoker As(string token) => channel!.CreateCallInvoker().Intercept(sent =>
    {
        sent.Add("authorization", $"Bearer {token}");
        return sent;
    });

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        channel?.Dispose();
        if (server is not null)
            await server.DisposeAsync();
        await browser.DisposeAsync();
        authority.Dispose();
        folder.Delete(recursive: true);
    }
}
