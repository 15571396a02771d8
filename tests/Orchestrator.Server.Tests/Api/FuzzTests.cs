using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Google.Api;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Orchestrator.Api.V1;
using Orchestrator.Harness;
using Orchestrator.Server.Security;

namespace Orchestrator.Server.Tests.Api;

/// <summary>
/// Input of no sense to every call, over gRPC and REST: whatever is sent is refused with its reason, or does something; the server never says that it made a mistake, and goes on. The long form is
/// <c>ORCHESTRATOR_FUZZ=20000 tests/Orchestrator.Server.Tests/bin/Release/net10.0/Orchestrator.Server.Tests -class '*Api.FuzzTests'</c>; <c>ORCHESTRATOR_FUZZ_SEED</c> is one input.
/// </summary>
public sealed class FuzzTests : IAsyncLifetime
{
    const string Spec = "{ name: NAME, model: { path: llama }, data: { path: /data }, training: { epochs: 2, betas: [0.9, 0.95] } }";

    static readonly MethodDescriptor[] methods = [.. JobsReflection.Descriptor.Services.SelectMany(service => service.Methods)];
    static readonly string[] words =
    [
        "", "a", "default", "..", ".", "../../etc/passwd", "a/../../b", "%2e%2e%2f", "a\0b", "\r\nx: y", "'; drop table jobs; --", "{{7*7}}", "*", "-1", "A_B", "\u202e", "🙂", "null", "~", "&a *a", new('x', 70_000), new('a', 64), "sha256:" + new string('a', 64),
        "training.epochs=1e999", "name=", "=", "[", "{ name: a, name: a }", "!!binary x", "&x [*x, *x]", "{ name: a, model: { path: ../x }, data: { path: /d } }", "9223372036854775808",
    ];
    static readonly long[] numbers = [0, 1, -1, 2, 255, int.MaxValue, int.MinValue, long.MaxValue, long.MinValue, uint.MaxValue, 1L << 40];

    ApiHost host = null!;
    HttpClient http = null!;

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    static IEnumerable<int> Seeds => Environment.GetEnvironmentVariable("ORCHESTRATOR_FUZZ_SEED") is { Length: > 0 } seed ? [int.Parse(seed, CultureInfo.InvariantCulture)]
        : Enumerable.Range(0, int.Parse(Environment.GetEnvironmentVariable("ORCHESTRATOR_FUZZ") ?? "1500", CultureInfo.InvariantCulture));

    public async ValueTask InitializeAsync()
    {
        host = await ApiHost.Start(limits: new LimitsOptions { CallsPerSecond = 100_000, CallsAtOnce = 10_000 });
        http = host.Http();
        await Submit("kept");
        await Submit("a");
        var run = host.Folders.Jobs("", "a");
        Directory.CreateDirectory(run.Path);
        await System.IO.File.WriteAllTextAsync(Path.Combine(run.Path, "report.json"), "{}", Stop);
    }

    // A job that is over: whoever watches it comes to an end.
    async Task Submit(string name)
    {
        await new Jobs.JobsClient(host.Channel).SubmitAsync(new SubmitRequest { Spec = Spec.Replace("NAME", name, StringComparison.Ordinal) }, cancellationToken: Stop);
        host.Cluster.Job(name).Steps(3);
        host.Cluster.Job(name).Ends();
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await host.DisposeAsync();
    }

    [Fact]
    public async Task Grpc_refuses_with_a_reason_whatever_is_sent_and_goes_on()
    {
        using var client = new HttpClient();
        foreach (var seed in Seeds)
        {
            if (seed % 20 == 0)
                await Submit("a");      // one before may have deleted it
            var random = new Random(seed);
            var method = methods[random.Next(methods.Length)];
            using var request = new HttpRequestMessage(HttpMethod.Post, $"{host.GrpcAddress}/{method.Service.FullName}/{method.Name}") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
            request.Content = new ByteArrayContent(Frames(method, random));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
            request.Headers.TE.ParseAdd("trailers");
            request.Headers.Add("grpc-timeout", random.Next(20) == 0 ? "1u" : method.Name == "Follow" ? "50m" : "20S");      // who follows is told for as long as he listens
            if (random.Next(20) == 0)
                request.Headers.TryAddWithoutValidation("grpc-encoding", random.Next(2) == 0 ? "gzip" : "nonsense");
            var (status, detail) = await Asked(client, request);
            Assert.False(status is StatusCode.Internal or StatusCode.Unknown, $"ORCHESTRATOR_FUZZ_SEED={seed} {method.FullName}: {status} {detail}");
        }
        Assert.Equal("kept", (await new Jobs.JobsClient(host.Channel).GetAsync(new JobRequest { Name = "kept" }, cancellationToken: Stop)).Name);
    }

    [Fact]
    public async Task Rest_refuses_with_a_reason_whatever_is_sent_and_goes_on()
    {
        (string Verb, string Path)[] routes =
        [
            .. methods.Select(method => method.GetOptions()?.GetExtension(AnnotationsExtensions.Http)).OfType<HttpRule>()
                .Select(rule => rule.PatternCase switch { HttpRule.PatternOneofCase.Get => ("GET", rule.Get), HttpRule.PatternOneofCase.Delete => ("DELETE", rule.Delete), _ => ("POST", rule.Post) }),
            ("GET", "/v1/jobs/{name}/files/{**path}"), ("PUT", "/v1/blobs/{sha256}"), ("GET", "/openapi/v1.json"),
        ];
        foreach (var seed in Seeds)
        {
            if (seed % 20 == 0)
                await Submit("a");
            var random = new Random(seed);
            var (verb, pattern) = routes[random.Next(routes.Length)];
            var path = string.Join('/', pattern.Split('/').Select(part => part.StartsWith('{') ? random.Next(2) == 0 ? "a" : Uri.EscapeDataString(Word(random)) : part));
            var query = string.Join('&', Enumerable.Range(0, random.Next(3)).Select(_ => $"{new[] { "namespace", "after", "offset", "follow", "phases", "all_namespaces", "nonsense", "a.b" }[random.Next(8)]}={Uri.EscapeDataString(random.Next(2) == 0 ? Word(random) : Number(random))}"));
            if ((path + query).Length > 8_000)      // Kestrel's own bound on a line
                continue;
            using var request = new HttpRequestMessage(new HttpMethod(random.Next(20) == 0 ? "PATCH" : verb), path + (query.Length > 0 ? "?" + query : ""));
            if (verb is "POST" or "PUT")
            {
                request.Content = new ByteArrayContent(Json(random));
                request.Content.Headers.TryAddWithoutValidation("Content-Type", random.Next(10) == 0 ? Uri.EscapeDataString(Word(random)) : "application/json");
            }
            if (random.Next(4) == 0)
                request.Headers.TryAddWithoutValidation("Range", new[] { "bytes=0-", "bytes=-1", "bytes=9-1", "bytes=99999999999999999999-", "nonsense", "bytes=0-0,1-1" }[random.Next(6)]);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
            patience.CancelAfter(TimeSpan.FromSeconds(20));
            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
            var said = (int)answer.StatusCode >= 500 ? await answer.Content.ReadAsStringAsync(patience.Token) : "";
            Assert.True((int)answer.StatusCode is < 500 or 501, $"ORCHESTRATOR_FUZZ_SEED={seed} {request.Method} {path}: {answer.StatusCode} {said}");
        }
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(new Uri("/v1/jobs/kept", UriKind.Relative), Stop)).StatusCode);
    }

    static async Task<(StatusCode Status, string Detail)> Asked(HttpClient client, HttpRequestMessage request)
    {
        try
        {
            using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
            await answer.Content.CopyToAsync(Stream.Null, Stop);
            string? Said(string name) => answer.TrailingHeaders.TryGetValues(name, out var last) || answer.Headers.TryGetValues(name, out last) ? last.Single() : null;
            return ((StatusCode)int.Parse(Said("grpc-status") ?? $"{(int)StatusCode.Unknown}", CultureInfo.InvariantCulture), Said("grpc-message") ?? $"{answer.StatusCode}");
        }
        catch (Exception e) when (e is HttpRequestException or HttpIOException)      // it hung up on this call: its deadline, or bytes that are no message
        {
            return (StatusCode.Cancelled, e.Message);
        }
    }

    // One to three messages of a method: whole ones with values of no sense, damaged ones, and frames that lie.
    static byte[] Frames(MethodDescriptor method, Random random)
    {
        List<byte> all = [];
        for (var count = method.IsClientStreaming ? random.Next(4) : 1; count > 0; count--)
        {
            var message = Filled(method.InputType, random, depth: 0).ToByteArray();
            if (random.Next(2) == 0)
                message = Mutation.Of(message, [1, 2, 3, 0xff, 0xff, 0xff, 0xff, 0x0f], random);
            all.AddRange([0, (byte)(message.Length >> 24), (byte)(message.Length >> 16), (byte)(message.Length >> 8), (byte)message.Length, .. message]);
        }
        return random.Next(8) == 0 ? Mutation.Of([.. all], [1, 0, 0, 0], random) : [.. all];
    }

    static IMessage Filled(MessageDescriptor type, Random random, int depth)
    {
        var message = type.Parser.ParseFrom(ReadOnlySpan<byte>.Empty);
        foreach (var field in type.Fields.InDeclarationOrder().Where(field => !field.IsMap && random.Next(3) > 0))
        {
            object? value = field.FieldType switch
            {
                FieldType.String when field.Name == "spec" && random.Next(2) == 0 => Spec.Replace("NAME", $"n{random.Next(5)}", StringComparison.Ordinal),
                FieldType.String => random.Next(3) == 0 ? "a" : Word(random),
                FieldType.Bytes => ByteString.CopyFromUtf8(Word(random)),
                FieldType.Bool => random.Next(2) == 0,
                FieldType.Int32 or FieldType.SInt32 or FieldType.SFixed32 => (int)numbers[random.Next(numbers.Length)],
                FieldType.UInt32 or FieldType.Fixed32 => (uint)numbers[random.Next(numbers.Length)],
                FieldType.Int64 or FieldType.SInt64 or FieldType.SFixed64 => numbers[random.Next(numbers.Length)],
                FieldType.UInt64 or FieldType.Fixed64 => (ulong)numbers[random.Next(numbers.Length)],
                FieldType.Double => double.NaN,
                FieldType.Float => float.PositiveInfinity,
                FieldType.Enum => random.Next(-1, 9),
                FieldType.Message when depth < 3 => Filled(field.MessageType, random, depth + 1),
                _ => null,
            };
            if (value is null)
                continue;
            if (field.IsRepeated)
                ((System.Collections.IList)field.Accessor.GetValue(message)).Add(field.FieldType == FieldType.Enum ? Enum.ToObject(field.EnumType.ClrType, value) : value);
            else
                field.Accessor.SetValue(message, field.FieldType == FieldType.Enum ? Enum.ToObject(field.EnumType.ClrType, value) : value);
        }
        return message;
    }

    static string Word(Random random) => words[random.Next(words.Length)];

    static string Number(Random random) => numbers[random.Next(numbers.Length)].ToString(CultureInfo.InvariantCulture);

    static byte[] Json(Random random)
    {
        var text = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object?>
        {
            ["namespace"] = random.Next(2) == 0 ? "" : Word(random), ["name"] = Word(random), ["spec"] = random.Next(2) == 0 ? Spec : Word(random), ["set"] = new[] { Word(random) }, ["workers"] = numbers[random.Next(numbers.Length)],
            ["role"] = random.Next(2) == 0 ? "VIEWER" : numbers[random.Next(numbers.Length)], ["lifetime"] = random.Next(2) == 0 ? "60s" : Word(random),
        });
        return random.Next(8) switch
        {
            0 => Encoding.UTF8.GetBytes(Word(random)),
            1 => Encoding.UTF8.GetBytes(new string('[', 5_000)),
            2 => [],
            < 6 => Mutation.Of(text, [(byte)'{', (byte)'[', (byte)'"', 0xff], random),
            _ => text,
        };
    }
}
