using System.Net;
using System.Net.Sockets;
using System.Text;
using Grpc.Core;
using Orchestrator.Api.V1;
using Orchestrator.Harness;
using Orchestrator.Server.Security;
using Orchestrator.Server.Tests.Api;
using Role = Orchestrator.Server.Security.Role;

namespace Orchestrator.Server.Tests.Security;

/// <summary>What one caller, one connection or one slow client can take, and that others are served meanwhile.</summary>
public sealed class LimitsTests : IAsyncDisposable
{
    static readonly TimeSpan cutOffWithin = TimeSpan.FromSeconds(30);

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-limits-");
    ApiHost? host;

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        if (host is not null)
            await host.DisposeAsync();
        folder.Delete(recursive: true);
    }

    // Two callers with a token each.
    async Task<(string One, string Other)> Serve(LimitsOptions limits)
    {
        var admin = Path.Combine(folder.FullName, "admin");
        await System.IO.File.WriteAllTextAsync(admin, "the-administrator-of-a-test", Stop);
        host = await ApiHost.Start(new SecurityOptions { AdminToken = admin }, limits);
        var tokens = new TokenStore(host.Folders, TimeProvider.System);
        string Make(string name) => tokens.Create(name, "team", Role.Editor, TimeSpan.FromDays(1), "a test").Token;
        return (Make("one"), Make("other"));
    }

    static Metadata Bearing(string token) => new() { { "authorization", $"Bearer {token}" } };

    [Fact]
    public async Task Who_calls_too_often_is_told_when_to_come_back_and_nobody_else_notices()
    {
        var (one, other) = await Serve(new LimitsOptions { CallsPerSecond = 5 });
        var jobs = new Jobs.JobsClient(host!.Channel);
        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(async _ =>
        {
            try
            {
                await jobs.ListAsync(new ListRequest { Namespace = "team" }, Bearing(one), cancellationToken: Stop);
                return (StatusCode.OK, null);
            }
            catch (RpcException e)
            {
                return (e.StatusCode, e.Trailers.GetValue("retry-after"));
            }
        }));
        Assert.All(answers, answer => Assert.True(answer.Item1 == StatusCode.OK || answer is (StatusCode.ResourceExhausted, { } after) && int.Parse(after, System.Globalization.CultureInfo.InvariantCulture) >= 1, $"{answer}"));
        Assert.InRange(answers.Count(answer => answer.Item1 == StatusCode.OK), 10, 20);

        using var http = host.Http();
        async Task<HttpResponseMessage> List(string token)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/jobs?namespace=team");
            request.Headers.Authorization = new("Bearer", token);
            return await http.SendAsync(request, Stop);
        }
        using var refused = await List(one);
        Assert.Equal((HttpStatusCode.TooManyRequests, true), (refused.StatusCode, refused.Headers.RetryAfter?.Delta > TimeSpan.Zero));
        Assert.Contains("come back later", await refused.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        using var served = await List(other);
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
    }

    [Fact]
    public async Task Who_watches_too_much_at_once_is_refused_until_one_of_his_streams_ends()
    {
        var (one, other) = await Serve(new LimitsOptions { CallsAtOnce = 3 });
        var jobs = new Jobs.JobsClient(host!.Channel);
        await jobs.SubmitAsync(new SubmitRequest { Namespace = "team", Spec = "{ name: a, model: { path: m }, data: { path: /d } }" }, Bearing(one), cancellationToken: Stop);
        host.Cluster.Job("team/a").Steps(1);
        var watches = Enumerable.Range(0, 3).Select(_ => jobs.Watch(new WatchRequest { Namespace = "team", Name = "a" }, Bearing(one), cancellationToken: Stop)).ToList();
        foreach (var watch in watches)
            Assert.True(await watch.ResponseStream.MoveNext(Stop));

        async Task<StatusCode> Gets(string token)
        {
            try
            {
                await jobs.GetAsync(new JobRequest { Namespace = "team", Name = "a" }, Bearing(token), cancellationToken: Stop);
                return StatusCode.OK;
            }
            catch (RpcException e)
            {
                return e.StatusCode;
            }
        }
        Assert.Equal(StatusCode.ResourceExhausted, await Gets(one));
        Assert.Equal(StatusCode.OK, await Gets(other));
        watches.ForEach(watch => watch.Dispose());
        await Eventually.Holds(async () => await Gets(one) == StatusCode.OK, cutOffWithin, "his streams end");
    }

    [Fact]
    public async Task Slow_and_silent_clients_are_cut_off()
    {
        var (one, _) = await Serve(new LimitsOptions { HeadersWithin = TimeSpan.FromSeconds(1), IdleWithin = TimeSpan.FromSeconds(2), SlowWithin = TimeSpan.FromSeconds(2) });
        var digest = new string('a', 64);
        var upload = UploadThatStops(one, digest);
        var cutOff = await Task.WhenAll(
            EndOf(""),
            EndOf("GET /v1/jobs HTTP/1.1\r\nHost: a\r\n"),
            EndOf($"PUT /v1/blobs/{digest} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {one}\r\nContent-Length: 1000\r\n\r\nabc"));
        Assert.Equal("", cutOff[0]);
        Assert.Contains("408", cutOff[1], StringComparison.Ordinal);
        Assert.DoesNotContain("500", cutOff[2], StringComparison.Ordinal);
        Assert.Equal(StatusCode.Aborted, await upload);
    }

    async Task<StatusCode> UploadThatStops(string token, string digest)
    {
        using var upload = new Files.FilesClient(host!.Channel).Upload(Bearing(token), cancellationToken: Stop);
        await upload.RequestStream.WriteAsync(new UploadPart { Start = new UploadStart { Sha256 = new string('b', 64), Length = 10 } }, Stop);
        return (await Assert.ThrowsAsync<RpcException>(async () => await upload)).StatusCode;
    }

    // What the server says until it hangs up.
    async Task<string> EndOf(string sent)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, new Uri(host!.GrpcAddress).Port - 1, Stop);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        patience.CancelAfter(cutOffWithin);
        var stream = tcp.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(sent), patience.Token);
        var heard = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            for (int read; (read = await stream.ReadAsync(buffer, patience.Token)) > 0;)
                heard.Append(Encoding.ASCII.GetString(buffer, 0, read));
        }
        catch (IOException)
        {
        }
        return heard.ToString();
    }
}
