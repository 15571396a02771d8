using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Orchestrator.Cli.Tests;
using Orchestrator.Harness;

namespace Orchestrator.Server.Tests.Security;

/// <summary>Real servers with certificates and tokens.</summary>
public sealed class SecuredServerTests : IDisposable
{
    const string Name = "orchestrator.test";
    const string Admin = "the-administrator-of-a-test";
    static readonly TimeSpan refusedWithin = TimeSpan.FromSeconds(20);

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-secured-");
    readonly TestAuthority authority = new();

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        authority.Dispose();
        folder.Delete(recursive: true);
    }

    string Place(string name) => Path.Combine(folder.FullName, name);

    Dictionary<string, string> Settings()
    {
        var settings = authority.Equip(Place("tls"), Name);
        File.WriteAllText(Place("admin"), Admin + "\n");
        settings["ORCHESTRATOR_SECURITY__ADMINTOKEN"] = Place("admin");
        return settings;
    }

    Orchestrated Run(ServerProcess server, string? token, params string[] arguments)
    {
        using var process = Orchestrated.Start(new Dictionary<string, string?>
        {
            ["ORCHESTRATOR_SERVER"] = server.Api.ToString(), ["ORCHESTRATOR_AUTHORITY"] = Place("tls/ca.crt"), ["ORCHESTRATOR_TOKEN"] = token,
        }, arguments);
        process.StandardInput.Close();
        return Orchestrated.EndOf(process);
    }

    [Fact]
    public async Task Beyond_loopback_it_starts_with_certificates_and_every_port_refuses_whom_it_should()
    {
        await using var server = await ServerProcess.Start("a", Place("data"), workers: 0, more: ["--listen", "0.0.0.0", "--advertise", "127.0.0.1"], environment: Settings());
        Assert.DoesNotContain("INSECURE", server.Log, StringComparison.Ordinal);
        using var http = new HttpClient(new SocketsHttpHandler { SslOptions = authority.Trusting() });
        foreach (var open in new[] { "/healthz", "/readyz", "/metrics" })
            Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(new Uri(server.Http, open), Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync(new Uri(server.Http, "/v1/jobs"), Stop)).StatusCode);

        using var another = new TestAuthority();
        using var peer = authority.Shown(Name);
        Assert.True(await Lets(server.Ports + 2, peer), "a server of the cluster, exchange");
        X509Certificate2?[] wrong = [null, another.Shown(Name), authority.Shown("elsewhere.test"), authority.Shown(Name, from: -10, to: -1)];
        foreach (var shown in wrong)
        {
            Assert.False(await Lets(server.Ports + 2, shown), $"exchange, {shown?.Subject ?? "no certificate"}, until {shown?.NotAfter}");
            foreach (var port in new[] { 3, 4 })      // silo and gateway listen before they speak
            {
                await using var member = await Open(server.Ports + port, peer, Stop);
                var heard = member.ReadAsync(new byte[1], Stop).AsTask();
                Assert.False(await Lets(server.Ports + port, shown, speaks: false), $"port {port}, {shown?.Subject ?? "no certificate"}, until {shown?.NotAfter}");
                Assert.False(heard.IsFaulted || heard.IsCompletedSuccessfully && await heard == 0, "a server of the cluster was sent away before a stranger was");
            }
        }
        foreach (var port in Enumerable.Range(0, 5))
            Assert.False(await Speaks(server.Ports + port), $"plain text on port {port}");
        foreach (var shown in wrong)
            shown?.Dispose();
    }

    [Fact]
    public async Task Two_servers_that_know_each_other_by_their_certificates_train_to_the_bytes_of_one()
    {
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        await using var postgres = await PostgresServer.Start();
        var settings = Settings();
        settings["ORCHESTRATOR_MEMBERSHIP__PROBE"] = "00:00:05";
        var bundle = Path.Combine(AppContext.BaseDirectory, "Demo", "Bundle");
        File.WriteAllText(Place("job.yaml"), $$"""
            name: secret
            model: { path: {{bundle}}/base }
            data: { path: {{bundle}}/records.json, maxSequenceLength: 64, validation: 56 }
            training: { epochs: 1, globalBatchSize: 16, microBatchSize: 4 }
            device: { kind: cpu }
            workers: 2
            """);
        var alone = Orchestrated.Run("train", Place("job.yaml"), "--output", Place("alone"), "--workers", "1", "--json");
        Assert.True(alone.Code == 0, alone.Error);
        var expected = JsonNode.Parse(alone.Out)!["adapterSha256"]!.GetValue<string>();

        var both = await Task.WhenAll(
            ServerProcess.Start("a", Place("data"), postgres.Connection, workers: 1, environment: settings),
            ServerProcess.Start("b", Place("data"), postgres.Connection, workers: 1, environment: settings));
        await using var a = both[0];
        await using var b = both[1];
        var submitted = Run(a, Admin, "submit", Place("job.yaml"), "--no-upload", "--wait");
        Assert.True(submitted.Code == 0, submitted.Error + a.Log + b.Log);
        var job = JsonNode.Parse(Run(b, Admin, "get", "secret", "--json").Out)!;
        Assert.Equal(("completed", expected), (job["state"]!.GetValue<string>(), job["digest"]!.GetValue<string>()));
    }

    [Fact]
    public async Task A_token_is_made_used_and_revoked_by_the_command_and_the_log_tells_who_did_what_but_no_secret()
    {
        await using var server = await ServerProcess.Start("a", Place("data"), workers: 0, environment: Settings());
        Assert.Contains("a token is needed", Run(server, null, "list").Error, StringComparison.Ordinal);
        Assert.Contains("a token is needed", Run(server, "orc_0123456789abcdef_nonsense", "list").Error, StringComparison.Ordinal);
        var made = Run(server, Admin, "token", "create", "ci", "--role", "viewer", "--namespace", "team");
        Assert.True(made.Code == 0, made.Error);
        var token = made.Out.Trim();
        Assert.Equal(0, Run(server, token, "list", "--namespace", "team").Code);
        var refused = Run(server, token, "cancel", "x", "--namespace", "team");
        Assert.NotEqual(0, refused.Code);
        Assert.Contains("does not allow", refused.Error, StringComparison.Ordinal);
        Assert.Contains("does not allow", Run(server, token, "list").Error, StringComparison.Ordinal);
        Assert.Contains(" ci ", Run(server, Admin, "token", "list").Out, StringComparison.Ordinal);
        Assert.Equal(0, Run(server, Admin, "token", "revoke", token.Split('_')[1]).Code);
        Assert.Contains("a token is needed", Run(server, token, "list", "--namespace", "team").Error, StringComparison.Ordinal);

        await server.Says("Audit: the administrator's token: /orchestrator.v1.Tokens/Create team ci: OK");
        await server.Says($"Audit: token ci ({token.Split('_')[1]}): /orchestrator.v1.Jobs/Cancel team x: PermissionDenied");
        await server.Says("Audit: the administrator's token: /orchestrator.v1.Tokens/Revoke");
        Assert.DoesNotContain(token.Split('_')[2], server.Log + File.ReadAllText(Directory.GetFiles(Place("data"), "orchestrator.db").Single()), StringComparison.Ordinal);
        Assert.DoesNotContain(Admin, server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_tells_until_when_its_certificates_are_valid_and_what_the_log_tells_has_the_ids_of_its_trace()
    {
        var settings = Settings();
        settings["ORCHESTRATOR_LOG"] = "json";
        await using var server = await ServerProcess.Start("a", Place("data"), workers: 0, environment: settings);
        using var http = new HttpClient(new SocketsHttpHandler { SslOptions = authority.Trusting() });
        var metrics = (await http.GetStringAsync(new Uri(server.Http, "/metrics"), Stop)).Split('\n').Where(line => line.StartsWith("orchestrator_certificate_expiry_seconds{", StringComparison.Ordinal)).ToList();
        foreach (var (use, days) in new[] { ("server", 10), ("authority", 30) })
        {
            var until = double.Parse(metrics.Single(line => line.Contains($"use=\"{use}\"", StringComparison.Ordinal)).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
            Assert.InRange(until - DateTimeOffset.UtcNow.ToUnixTimeSeconds(), (days - 0.1) * 86_400, days * 86_400);
        }
        Assert.Equal(0, Run(server, Admin, "token", "create", "ci", "--role", "viewer", "--namespace", "team").Code);
        await server.Says("Tokens/Create");
        var line = JsonNode.Parse(server.Log.Split('\n').Single(line => line.Contains("Tokens/Create", StringComparison.Ordinal)))!;
        Assert.Equal("Audit", line["EventId"] is JsonObject named ? named["Name"]!.GetValue<string>() : "Audit");
        Assert.Equal("team", line["State"]!["Namespace"]!.GetValue<string>());
        Assert.Contains(line["Scopes"]!.AsArray(), scope => scope is JsonObject ids && ids["TraceId"]?.GetValue<string>().Length == 32 && ids["SpanId"] is not null);
    }

    [Fact]
    public async Task A_thousand_connections_that_send_nothing_keep_nobody_waiting()
    {
        await using var server = await ServerProcess.Start("a", Place("data"), workers: 0, environment: Settings());
        List<TcpClient> silent = [];
        try
        {
            for (var i = 0; i < 1_000; i++)
            {
                silent.Add(new TcpClient());
                await silent[^1].ConnectAsync(IPAddress.Loopback, server.Ports + i % 5, Stop);
            }
            using var http = new HttpClient(new SocketsHttpHandler { SslOptions = authority.Trusting() });
            Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(new Uri(server.Http, "/healthz"), Stop)).StatusCode);
            Assert.Equal(0, Run(server, Admin, "list").Code);
        }
        finally
        {
            silent.ForEach(connection => connection.Dispose());
        }
    }

    // Whether a TLS connection with this certificate stands: with TLS 1.3 a client learns that it was refused when it reads.
    async Task<bool> Lets(int port, X509Certificate2? shown, bool speaks = true)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        patience.CancelAfter(refusedWithin);
        try
        {
            await using var tls = await Open(port, shown, patience.Token, isHttp: speaks);
            if (speaks)
                await tls.WriteAsync((byte[])[.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 0, 4, 0, 0, 0, 0, 0], patience.Token);
            return await tls.ReadAsync(new byte[1], patience.Token) > 0;
        }
        catch (Exception e) when (e is IOException or AuthenticationException)
        {
            return false;
        }
    }

    async Task<SslStream> Open(int port, X509Certificate2? shown, CancellationToken stop, bool isHttp = false)
    {
        var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, port, stop);
        var tls = new SslStream(tcp.GetStream());
        var client = authority.Trusting(shown);
        if (isHttp)
            client.ApplicationProtocols = [SslApplicationProtocol.Http2];
        await tls.AuthenticateAsClientAsync(client, stop);
        return tls;
    }

    // Whether anybody answers who is spoken to without TLS.
    static async Task<bool> Speaks(int port)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, port, Stop);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        patience.CancelAfter(refusedWithin);
        try
        {
            await tcp.GetStream().WriteAsync("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray(), patience.Token);
            var answer = new byte[64];
            var read = await tcp.GetStream().ReadAsync(answer, patience.Token);
            return System.Text.Encoding.ASCII.GetString(answer, 0, read).Contains("200 OK", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }
}
