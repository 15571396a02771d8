using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Google.Api;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Orchestrator.Api.V1;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Server.Security;
using Orchestrator.Server.Tests.Api;
using File = System.IO.File;
using Role = Orchestrator.Server.Security.Role;

namespace Orchestrator.Server.Tests.Security;

/// <summary>The whole API, call by call, by callers who may and who may not.</summary>
public sealed class AccessTests : IAsyncLifetime
{
    const string Admin = "the-administrator-of-a-test";
    const string Spec = "{ name: alpaca, model: { path: llama-7b }, data: { path: /data/alpaca.json } }";

    // What each call asks of its caller, said a second time. A call that is not here fails the test that counts them.
    static readonly Dictionary<string, (Role Role, bool IsOfNamespace)> asked = new()
    {
        ["Jobs/Submit"] = (Role.Editor, true), ["Jobs/Get"] = (Role.Viewer, true), ["Jobs/List"] = (Role.Viewer, true), ["Jobs/Follow"] = (Role.Viewer, true), ["Jobs/Validate"] = (Role.Editor, true), ["Jobs/Watch"] = (Role.Viewer, true), ["Jobs/Logs"] = (Role.Viewer, true),
        ["Jobs/Scale"] = (Role.Editor, true), ["Jobs/Suspend"] = (Role.Editor, true), ["Jobs/Resume"] = (Role.Editor, true), ["Jobs/Cancel"] = (Role.Editor, true), ["Jobs/Delete"] = (Role.Editor, true),
        ["Files/List"] = (Role.Viewer, true), ["Files/Download"] = (Role.Viewer, true), ["Files/Upload"] = (Role.Editor, false), ["Files/GetBlob"] = (Role.Editor, false),
        ["Workers/List"] = (Role.Viewer, false), ["Workers/Follow"] = (Role.Viewer, false), ["Workers/Cordon"] = (Role.Admin, true), ["Workers/Uncordon"] = (Role.Admin, true), ["Workers/Drain"] = (Role.Admin, true),
        ["Tokens/Create"] = (Role.Admin, true), ["Tokens/List"] = (Role.Admin, false), ["Tokens/Revoke"] = (Role.Admin, false),
    };

    static readonly string[] ofTheCluster = ["Workers/Cordon", "Workers/Uncordon", "Workers/Drain"];
    static readonly string[] routes = ["GET /v1/jobs/{name}/files/{**path}", "PUT /v1/blobs/{sha256}", "GET /openapi/v1.json"];
    static readonly string[] reflection = ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"];
    static readonly IReadOnlyList<MethodDescriptor> methods = [.. JobsReflection.Descriptor.Services.SelectMany(service => service.Methods)];

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-access-");
    readonly Dictionary<string, string> bearers = [];
    ApiHost host = null!;
    HttpClient http = null!;

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var file = Path.Combine(folder.FullName, "admin");
        File.WriteAllText(file, Admin);
        host = await ApiHost.Start(new SecurityOptions { AdminToken = file });
        http = host.Http();
        var tokens = new TokenStore(host.Folders, TimeProvider.System);
        foreach (var role in Enum.GetValues<Role>())
            bearers[$"{role}"] = tokens.Create("a", "team", role, TimeSpan.FromDays(1), "a test").Token;
        bearers["another namespace's"] = tokens.Create("a", "lab", Role.Admin, TimeSpan.FromDays(1), "a test").Token;
        await Client<Jobs.JobsClient>(Admin).SubmitAsync(new SubmitRequest { Namespace = "team", Spec = Spec }, cancellationToken: Stop);
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await host.DisposeAsync();
        folder.Delete(recursive: true);
    }

    T Client<T>(string token) where T : ClientBase<T> => (T)Activator.CreateInstance(typeof(T), Grpc.Core.Interceptors.CallInvokerExtensions.Intercept(host.Channel.CreateCallInvoker(), sent =>
    {
        sent.Add("authorization", $"Bearer {token}");
        return sent;
    }))!;

    [Fact]
    public void Every_call_is_in_this_table_and_in_the_servers()
    {
        Assert.Equal(methods.Select(KeyOf).Order(), asked.Keys.Order());
        var served = host.Endpoints.Select(AccessSetup.KeyOf).Where(key => !key.Contains("unimplemented", StringComparison.Ordinal)).Distinct().ToList();
        Assert.DoesNotContain(served, key => !Access.Rules.ContainsKey(key));
        Assert.Empty(asked.Keys.Select(key => $"/orchestrator.v1.{key}").Concat(routes).Except(served));
        Assert.Empty(served.Where(key => Access.Rules[key].Reach is not (Reach.Open or Reach.Peers)).Except(asked.Keys.Select(key => $"/orchestrator.v1.{key}")).Except(routes).Except(reflection));
        Assert.All(asked, call => Assert.Equal(call.Value.Role, Access.Rules[$"/orchestrator.v1.{call.Key}"].Role));
    }

    [Fact]
    public async Task Without_a_token_or_with_one_that_is_worth_nothing_every_call_is_refused_alike()
    {
        var past = new TokenStore(host.Folders, new Yesterday());
        var tokens = new TokenStore(host.Folders, TimeProvider.System);
        var (revoked, of) = tokens.Create("a", "*", Role.Admin, TimeSpan.FromDays(1), "a test");
        tokens.Revoke(revoked);
        var mine = bearers["Admin"];
        string?[] worthless =
        [
            null, "", "nonsense", "orc_", of, past.Create("a", "*", Role.Admin, TimeSpan.FromHours(1), "a test").Token, mine[..^1] + (mine[^1] == 'A' ? 'B' : 'A'), mine + "A", "orc_../../../admin_aaaaaaaaaaaaaaaa", Admin[..^1],
        ];
        foreach (var token in worthless)
        {
            foreach (var method in methods)
                foreach (var job in new[] { "alpaca", "nothing" })
                    Assert.Equal((StatusCode.Unauthenticated, AccessInterceptor.WhoAreYou), await Called(method, token, "team", job));
            foreach (var (verb, path) in Rest())
                Assert.Equal(HttpStatusCode.Unauthorized, (await Asked(verb, path, token)).Status);
            foreach (var name in reflection)
                Assert.Equal(StatusCode.Unauthenticated, await Reflected(name, token));
        }
    }

    [Fact]
    public async Task Whoever_may_not_gets_the_same_answer_whatever_there_is_and_whoever_may_another()
    {
        foreach (var method in methods)
        {
            var (role, isOfNamespace) = asked[KeyOf(method)];
            foreach (var (bearer, token) in bearers)
            {
                var has = Enum.TryParse<Role>(bearer, out var known) ? known : isOfNamespace ? 0 : Role.Admin;
                var may = has >= role && !ofTheCluster.Contains(KeyOf(method));
                var nothing = await Called(method, token, "team", "nothing");
                if (may)
                {
                    Assert.False(nothing.Status is StatusCode.PermissionDenied or StatusCode.Unauthenticated or StatusCode.Internal or StatusCode.Unknown, $"{bearer} {method.FullName}: {nothing}");
                    continue;
                }
                Assert.Equal((StatusCode.PermissionDenied, AccessInterceptor.MayNot), nothing);
                Assert.Equal(nothing, await Called(method, token, "team", "alpaca"));
            }
            var all = await Called(method, Admin, "team", "nothing");
            Assert.False(all.Status is StatusCode.PermissionDenied or StatusCode.Unauthenticated, $"{method.FullName}: {all}");
        }
        Assert.Equal("QUEUED", (await Client<Jobs.JobsClient>(Admin).GetAsync(new JobRequest { Namespace = "team", Name = "alpaca" }, cancellationToken: Stop)).Phase.ToString().ToUpperInvariant());
    }

    [Fact]
    public async Task Rest_refuses_as_grpc_does()
    {
        foreach (var (verb, path) in Rest())
        {
            var isOfNamespace = path.Contains("/jobs", StringComparison.Ordinal) || verb == "POST";
            var (status, body) = await Asked(verb, path, bearers["another namespace's"]);
            if (isOfNamespace)
                Assert.True(status == HttpStatusCode.Forbidden, $"{verb} {path}: {status} {body}");
            Assert.DoesNotContain("alpaca", body, StringComparison.Ordinal);
            if (verb != "GET")
                Assert.True((await Asked(verb, path, bearers["Viewer"])).Status == HttpStatusCode.Forbidden, $"{verb} {path}");
        }
        Assert.Equal(HttpStatusCode.OK, (await Asked("GET", "/v1/jobs/alpaca?namespace=team", bearers["Viewer"])).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await Asked("GET", "/v1/jobs/alpaca/files/report.json?namespace=team", bearers["Viewer"])).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await Asked("GET", "/v1/jobs/alpaca/files/report.json?namespace=lab&namespace=team", bearers["another namespace's"])).Status);
    }

    [Fact]
    public async Task Lists_tell_of_the_callers_own_namespaces_only()
    {
        host.Cluster.Silos.Add(new SiloEntry(new SiloAnnouncement("a", 1, new Uri("http://a:1"), 2, "cpu test", Leaving: false), Cordoned: false, Drained: false, DateTimeOffset.UnixEpoch, ["team/alpaca", null]));
        var (mine, others) = (bearers["Viewer"], bearers["another namespace's"]);
        Assert.Single((await Client<Jobs.JobsClient>(mine).ListAsync(new ListRequest { AllNamespaces = true }, cancellationToken: Stop)).Jobs);
        Assert.Empty((await Client<Jobs.JobsClient>(others).ListAsync(new ListRequest { AllNamespaces = true }, cancellationToken: Stop)).Jobs);
        Assert.Equal("team/alpaca", (await Client<Workers.WorkersClient>(mine).ListAsync(new ListWorkersRequest(), cancellationToken: Stop)).Servers[0].Workers[0].Job);
        Assert.Equal(("", "has a job of another namespace"), (await Client<Workers.WorkersClient>(others).ListAsync(new ListWorkersRequest(), cancellationToken: Stop)).Servers[0].Workers[0] is var worker ? (worker.Job, worker.Note) : default);
        host.Cluster.Silos[0] = host.Cluster.Silos[0] with { Quarantined = new Dictionary<int, string> { [1] = "a/1 computed wrong" } };
        Assert.Equal("quarantined: a/1 computed wrong", (await Client<Workers.WorkersClient>(others).ListAsync(new ListWorkersRequest(), cancellationToken: Stop)).Servers[0].Workers[1].Note);
        Assert.Equal(["lab"], (await Client<Tokens.TokensClient>(others).ListAsync(new ListTokensRequest(), cancellationToken: Stop)).Tokens.Select(token => token.Namespace).Distinct());
    }

    [Fact]
    public async Task An_administrator_of_a_namespace_gives_tokens_for_it_and_takes_only_those()
    {
        var team = Client<Tokens.TokensClient>(bearers["Admin"]);
        var made = await team.CreateAsync(new CreateTokenRequest { Namespace = "team", Name = "ci", Role = Orchestrator.Api.V1.Role.Editor }, cancellationToken: Stop);
        await Client<Jobs.JobsClient>(made.Secret).ScaleAsync(new ScaleRequest { Namespace = "team", Name = "alpaca", Workers = 3 }, cancellationToken: Stop);
        foreach (var space in new[] { "lab", "*", "" })
            Assert.Equal(StatusCode.PermissionDenied, (await Assert.ThrowsAsync<RpcException>(async () => await team.CreateAsync(new CreateTokenRequest { Namespace = space, Name = "ci", Role = Orchestrator.Api.V1.Role.Viewer }, cancellationToken: Stop))).StatusCode);

        await Client<Tokens.TokensClient>(bearers["another namespace's"]).RevokeAsync(new TokenRequest { Id = made.Token.Id }, cancellationToken: Stop);
        await Client<Jobs.JobsClient>(made.Secret).GetAsync(new JobRequest { Namespace = "team", Name = "alpaca" }, cancellationToken: Stop);
        await team.RevokeAsync(new TokenRequest { Id = made.Token.Id }, cancellationToken: Stop);
        Assert.Equal(StatusCode.Unauthenticated, (await Assert.ThrowsAsync<RpcException>(async () => await Client<Jobs.JobsClient>(made.Secret).GetAsync(new JobRequest { Namespace = "team", Name = "alpaca" }, cancellationToken: Stop))).StatusCode);
    }

    static string KeyOf(MethodDescriptor method) => $"{method.Service.Name}/{method.Name}";

    // Any request, with all that any of them has.
    static byte[] Request(MethodDescriptor method, string space, string job) => new JsonParser(JsonParser.Settings.Default.WithIgnoreUnknownFields(true)).Parse(
        $$"""
        { "namespace": "{{space}}", "name": "{{job}}", "spec": "{ name: {{job}}x, model: { path: m }, data: { path: /data/a.json } }", "server": "a", "sha256": "{{new string('a', 64)}}", "path": "report.json",
          "id": "0123456789abcdef", "role": "VIEWER", "workers": 2, "start": { "sha256": "{{new string('a', 64)}}", "length": 1 } }
        """, method.InputType).ToByteArray();

    async Task<(StatusCode Status, string Detail)> Called(MethodDescriptor method, string? token, string space, string job)
    {
        var bytes = Marshallers.Create(sent => sent, read => read);
        var type = method.IsClientStreaming ? MethodType.ClientStreaming : method.IsServerStreaming ? MethodType.ServerStreaming : MethodType.Unary;
        var called = new Method<byte[], byte[]>(type, method.Service.FullName, method.Name, bytes, bytes);
        var options = new CallOptions(token is null ? [] : new Metadata { { "authorization", $"Bearer {token}" } }, DateTime.UtcNow.AddSeconds(30), Stop);
        var request = Request(method, space, job);
        var invoker = host.Channel.CreateCallInvoker();
        try
        {
            if (type == MethodType.Unary)
            {
                await invoker.AsyncUnaryCall(called, null, options, request);
            }
            else if (type == MethodType.ServerStreaming)
            {
                using var call = invoker.AsyncServerStreamingCall(called, null, options, request);
                await call.ResponseStream.MoveNext(Stop);
            }
            else
            {
                using var call = invoker.AsyncClientStreamingCall(called, null, options);
                try
                {
                    await call.RequestStream.WriteAsync(request, Stop);
                    await call.RequestStream.CompleteAsync();
                }
                catch (RpcException)      // it is over already; the answer says why
                {
                }
                await call;
            }
            return (StatusCode.OK, "");
        }
        catch (RpcException e)
        {
            return (e.StatusCode, e.Status.Detail);
        }
    }

    async Task<StatusCode> Reflected(string name, string? token)
    {
        var bytes = Marshallers.Create(sent => sent, read => read);
        var (service, method) = (name.Split('/')[1], name.Split('/')[2]);
        var options = new CallOptions(token is null ? [] : new Metadata { { "authorization", $"Bearer {token}" } }, DateTime.UtcNow.AddSeconds(30), Stop);
        return (await Assert.ThrowsAsync<RpcException>(async () => await host.Channel.CreateCallInvoker().AsyncUnaryCall(new Method<byte[], byte[]>(MethodType.Unary, service, method, bytes, bytes), null, options, []))).StatusCode;
    }

    static IEnumerable<(string Verb, string Path)> Rest()
    {
        foreach (var method in methods)
            if (method.GetOptions()?.GetExtension(AnnotationsExtensions.Http) is { } rule)
                yield return rule.PatternCase switch
                {
                    HttpRule.PatternOneofCase.Get => ("GET", Filled(rule.Get)),
                    HttpRule.PatternOneofCase.Post => ("POST", Filled(rule.Post)),
                    HttpRule.PatternOneofCase.Delete => ("DELETE", Filled(rule.Delete)),
                    _ => throw new NotSupportedException(method.FullName),
                };
        foreach (var route in routes)
            yield return (route.Split(' ')[0], Filled(route.Split(' ')[1]));
    }

    static string Filled(string pattern)
        => pattern.Replace("{name}", "alpaca", StringComparison.Ordinal).Replace("{server}", "a", StringComparison.Ordinal).Replace("{sha256}", new string('a', 64), StringComparison.Ordinal)
            .Replace("{id}", "0123456789abcdef", StringComparison.Ordinal).Replace("{**path}", "report.json", StringComparison.Ordinal) + "?namespace=team";

    async Task<(HttpStatusCode Status, string Body)> Asked(string verb, string path, string? token)
    {
        var isBody = verb == "POST";
        using var request = new HttpRequestMessage(new HttpMethod(verb), isBody ? path.Split('?')[0] : path);
        if (isBody)
            request.Content = new StringContent("""{ "namespace": "team", "workers": 2, "role": "VIEWER" }""", Encoding.UTF8, "application/json");
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
        var isEndless = path.Contains(":follow", StringComparison.Ordinal) && answer.IsSuccessStatusCode;
        return (answer.StatusCode, isEndless ? "" : await answer.Content.ReadAsStringAsync(Stop));
    }

    sealed class Yesterday : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UtcNow.AddDays(-1);
    }
}
