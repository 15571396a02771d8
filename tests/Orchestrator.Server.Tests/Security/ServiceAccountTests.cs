using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Orchestrator.Api.V1;
using Orchestrator.Harness;
using Orchestrator.Protocol;
using Orchestrator.Server.Security;
using Orchestrator.Server.Tests.Api;
using File = System.IO.File;

namespace Orchestrator.Server.Tests.Security;

/// <summary>Tokens of Kubernetes service accounts, over an API server of the test's own that knows how to review them.</summary>
public sealed class ServiceAccountTests : IAsyncLifetime
{
    const string OwnToken = "of-the-servers-own-account";

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-accounts-");
    readonly ConcurrentDictionary<string, (string User, string[] Audiences)> known = new();
    readonly SymmetricSecurityKey key = new(new byte[32]);
    WebApplication kubernetes = null!;
    ApiHost host = null!;
    SecurityOptions security = null!;
    HttpStatusCode answers = HttpStatusCode.Created;
    int reviews;

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var address = $"http://127.0.0.1:{FreePorts.InARow(1)}";
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls(address);
        builder.Services.AddRouting();
        kubernetes = builder.Build();
        kubernetes.UseRouting();
        kubernetes.MapPost("/apis/authentication.k8s.io/v1/tokenreviews", (Delegate)Review);
        await kubernetes.StartAsync(Stop);
        var config = Path.Combine(folder.FullName, "kubeconfig");
        await File.WriteAllTextAsync(config, $$"""
            apiVersion: v1
            kind: Config
            current-context: test
            clusters: [{ name: test, cluster: { server: "{{address}}" } }]
            users: [{ name: test, user: { token: {{OwnToken}} } }]
            contexts: [{ name: test, context: { cluster: test, user: test } }]
            """, Stop);
        security = new SecurityOptions { Kubernetes = new KubernetesOptions { ServiceAccounts = true, Config = config } };
        host = await ApiHost.Start(security);
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await kubernetes.DisposeAsync();
        folder.Delete(recursive: true);
    }

    // As a real one: it knows its tokens, tells of the audiences that were asked for those that the token has, and answers only whom it knows.
    async Task<IResult> Review(HttpContext context)
    {
        Interlocked.Increment(ref reviews);
        if (context.Request.Headers.Authorization != $"Bearer {OwnToken}" || answers != HttpStatusCode.Created)
            return Results.Json(new { kind = "Status", status = "Failure", code = (int)answers }, statusCode: answers == HttpStatusCode.Created ? 401 : (int)answers);
        var asked = JsonNode.Parse(await new StreamReader(context.Request.Body).ReadToEndAsync(Stop))!["spec"]!;
        var shared = known.TryGetValue(asked["token"]!.GetValue<string>(), out var found) ? found.Audiences.Intersect(asked["audiences"]!.AsArray().Select(one => one!.GetValue<string>())).ToArray() : [];
        object status = shared.Length > 0 ? new { authenticated = true, user = new { username = found.User, groups = new[] { "system:serviceaccounts" } }, audiences = shared } : new { authenticated = false, error = "unknown" };
        return Results.Json(new { apiVersion = "authentication.k8s.io/v1", kind = "TokenReview", spec = new { }, status }, statusCode: 201);
    }

    string Token(string user = "system:serviceaccount:team:ci", string audience = "orchestrator", int minutes = 10, bool isKnown = true)
    {
        var token = new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Audience = audience, NotBefore = DateTime.UtcNow.AddHours(-1), IssuedAt = DateTime.UtcNow.AddHours(-1), Expires = DateTime.UtcNow.AddMinutes(minutes),
            Claims = new Dictionary<string, object> { ["sub"] = user, ["jti"] = Guid.NewGuid() }, SigningCredentials = new SigningCredentials(key, SecurityAlgorithms.HmacSha256),
        });
        if (isKnown)
            known[token] = (user, [audience]);
        return token;
    }

    [Fact]
    public async Task An_account_has_its_role_in_the_namespace_that_is_named_as_its_own_and_no_other()
    {
        var token = Token();
        Assert.Equal(StatusCode.OK, await host.Lists(token, "team"));
        Assert.Equal(StatusCode.PermissionDenied, await host.Lists(token, "lab"));
        Assert.Equal(StatusCode.PermissionDenied, await host.Lists(Token("system:serviceaccount:lab:ci"), "team"));
        var tokens = new Tokens.TokensClient(host.Channel);
        var more = await Assert.ThrowsAsync<RpcException>(async () => await tokens.CreateAsync(
            new CreateTokenRequest { Namespace = "team", Name = "a", Role = Orchestrator.Api.V1.Role.Viewer }, new Metadata { { "authorization", $"Bearer {token}" } }, cancellationToken: Stop));
        Assert.Equal(StatusCode.PermissionDenied, more.StatusCode);
    }

    [Fact]
    public async Task What_is_unknown_expired_for_another_or_of_a_person_is_worth_nothing_and_rubbish_is_not_asked_about()
    {
        foreach (var worthless in new[] { Token(isKnown: false), Token()[..^2] + "AA" })
            Assert.Equal(StatusCode.Unauthenticated, await host.Lists(worthless, "team"));
        Assert.Equal(2, reviews);
        foreach (var rubbish in new[] { Token(minutes: -1), Token(audience: "https://kubernetes.default.svc"), Token("ada"), Token("system:node:a"), "a.b.c", "e30.e30.", "nonsense", new string('a', 5_000) })
            Assert.Equal(StatusCode.Unauthenticated, await host.Lists(rubbish, "team"));
        Assert.Equal(2, reviews);
        var impostor = Token();
        known[impostor] = ("system:serviceaccount:team/../lab:ci", ["orchestrator"]);      // the API server's word counts, not the token's
        Assert.Equal(StatusCode.Unauthenticated, await host.Lists(impostor, "team"));
    }

    [Fact]
    public async Task Many_calls_are_one_question()
    {
        var token = Token();
        Assert.All(await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => host.Lists(token, "team"))), status => Assert.Equal(StatusCode.OK, status));
        Assert.Equal(1, reviews);
    }

    [Fact]
    public async Task A_token_that_was_revoked_is_refused_within_a_minute()
    {
        var clock = new Clock();
        using var accounts = new ServiceAccounts(security, clock, NullLogger<ServiceAccounts>.Instance);
        var token = Token();
        Assert.Equal("service account team/ci", (await accounts.Bearer(token))!.Name);
        known.Clear();
        Assert.NotNull(await accounts.Bearer(token));
        clock.Now += TimeSpan.FromSeconds(61);
        Assert.Null(await accounts.Bearer(token));
        known[token] = ("system:serviceaccount:team:ci", ["orchestrator"]);
        Assert.Null(await accounts.Bearer(token));
        clock.Now += TimeSpan.FromSeconds(11);
        Assert.NotNull(await accounts.Bearer(token));
    }

    [Fact]
    public async Task While_kubernetes_does_not_tell_a_caller_is_told_to_try_again_and_a_moment_later_is_let_in()
    {
        var token = Token();
        foreach (var failure in new[] { HttpStatusCode.Forbidden, HttpStatusCode.InternalServerError, HttpStatusCode.TooManyRequests })
        {
            answers = failure;
            Assert.Equal(StatusCode.Unavailable, await host.Lists(token, "team"));
        }
        using var http = host.Http();
        http.DefaultRequestHeaders.Authorization = new("Bearer", token);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await http.GetAsync(new Uri("/v1/jobs?namespace=team", UriKind.Relative), Stop)).StatusCode);
        answers = HttpStatusCode.Created;
        Assert.Equal(StatusCode.OK, await host.Lists(token, "team"));
        await kubernetes.StopAsync(Stop);
        Assert.Equal(StatusCode.OK, await host.Lists(token, "team"));      // it was told a moment ago
        Assert.Equal(StatusCode.Unavailable, await host.Lists(Token(), "team"));
    }

    [Fact]
    public void Where_the_api_server_is_must_be_known()
    {
        File.WriteAllText(Path.Combine(folder.FullName, "broken"), "nonsense: [");
        foreach (var config in new[] { "/nowhere/kubeconfig", Path.Combine(folder.FullName, "broken"), null })
            Assert.Throws<ProblemException>(() => new ServiceAccounts(new SecurityOptions { Kubernetes = new KubernetesOptions { ServiceAccounts = true, Config = config } }, TimeProvider.System, NullLogger<ServiceAccounts>.Instance));
    }

    sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UtcNow;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
