using System.Security.Cryptography;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Orchestrator.Harness;
using Orchestrator.Protocol;
using Orchestrator.Server.Security;
using Orchestrator.Server.Tests.Api;

namespace Orchestrator.Server.Tests.Security;

/// <summary>Tokens that an OpenID Connect issuer of the test's own has signed.</summary>
public sealed class OidcTests : IAsyncLifetime
{
    readonly RSA key = RSA.Create(2048);
    readonly RSA another = RSA.Create(2048);
    readonly string issuer = $"http://127.0.0.1:{FreePorts.InARow(1)}";
    WebApplication provider = null!;
    ApiHost host = null!;

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls(issuer);
        builder.Services.AddRouting();
        provider = builder.Build();
        provider.UseRouting();
        var shown = key.ExportParameters(includePrivateParameters: false);
        provider.MapGet("/.well-known/openid-configuration", () => Results.Json(new { issuer, jwks_uri = issuer + "/keys" }));
        provider.MapGet("/keys", () => Results.Json(new { keys = new[] { new { kty = "RSA", use = "sig", kid = "one", n = Base64UrlEncoder.Encode(shown.Modulus), e = Base64UrlEncoder.Encode(shown.Exponent) } } }));
        await provider.StartAsync(Stop);
        host = await ApiHost.Start(new SecurityOptions { Oidc = new OidcOptions { Issuer = new Uri(issuer), Audience = "orchestrator" } });
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await provider.DisposeAsync();
        key.Dispose();
        another.Dispose();
    }

    string Token(string[] roles, RSA? by = null, string audience = "orchestrator", string? from = null, int minutes = 10) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Issuer = from ?? issuer, Audience = audience, NotBefore = DateTime.UtcNow.AddMinutes(-30), IssuedAt = DateTime.UtcNow.AddMinutes(-30), Expires = DateTime.UtcNow.AddMinutes(minutes),
        Claims = new Dictionary<string, object> { ["sub"] = "ada", ["roles"] = roles },
        SigningCredentials = new SigningCredentials(new RsaSecurityKey(by ?? key) { KeyId = "one" }, SecurityAlgorithms.RsaSha256),
    });

    [Fact]
    public async Task The_roles_that_the_issuer_signed_hold_in_their_namespaces()
    {
        Assert.Equal(StatusCode.OK, await host.Lists(Token(["team:viewer"]), "team"));
        Assert.Equal(StatusCode.PermissionDenied, await host.Lists(Token(["team:viewer"]), "lab"));
        Assert.Equal(StatusCode.OK, await host.Lists(Token(["lab:editor", "*:viewer"]), "team"));
        foreach (var nothing in new[] { "admin", "viewer", "team:owner", "team:3", "team:Admin:x", ":viewer", "" })
            Assert.Equal(StatusCode.PermissionDenied, await host.Lists(Token([nothing]), "team"));
    }

    [Fact]
    public async Task What_is_expired_for_another_or_by_another_is_worth_nothing()
    {
        string[] roles = ["*:admin"];
        var good = Token(roles);
        string[] worthless =
        [
            Token(roles, minutes: -5), Token(roles, by: another), Token(roles, audience: "somebody"), Token(roles, from: "http://127.0.0.1:1"), good[..good.LastIndexOf('.')] + ".",
            Base64UrlEncoder.Encode("""{"alg":"none","typ":"JWT"}""") + "." + good.Split('.')[1] + ".",
        ];
        foreach (var token in worthless)
            Assert.Equal(StatusCode.Unauthenticated, await host.Lists(token, "team"));
        Assert.Equal(StatusCode.OK, await host.Lists(good, "team"));
    }

    [Fact]
    public void An_issuer_without_an_audience_or_in_clear_text_is_a_mistake()
    {
        foreach (var wrong in new[] { new OidcOptions { Issuer = new Uri(issuer) }, new OidcOptions { Issuer = new Uri("http://issuer.example"), Audience = "a" } })
            Assert.Throws<ProblemException>(() => new ServiceCollection().AddAccess(new SecurityOptions { Oidc = wrong }));
    }
}
