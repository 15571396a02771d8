using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Orchestrator.Telemetry.Tests;

/// <summary>A real Prometheus that scrapes a host every half second, on a free port and in a folder of its own. It ends with the test.</summary>
sealed class PrometheusServer : IAsyncDisposable
{
    static readonly TimeSpan patience = TimeSpan.FromSeconds(90);

    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-prometheus-").FullName;
    readonly HttpClient http;
    readonly Process process;

    PrometheusServer(IReadOnlyList<Uri> scraped, IReadOnlyList<string> rules, string? authority)
    {
        var port = TrainingHost.FreePort();
        var i = 0;
        foreach (var rule in rules)
            File.WriteAllText(Path.Combine(folder, $"rules-{i++}.yaml"), rule);
        File.WriteAllText(Path.Combine(folder, "prometheus.yml"), $"""
            global:
              scrape_interval: 500ms
              evaluation_interval: 500ms
            rule_files: [rules-*.yaml]
            scrape_configs:
            {string.Join('\n', scraped.GroupBy(server => server.Scheme).Select(servers => Scraped(servers.Key, servers, authority)))}
            """);
        process = Process.Start(new ProcessStartInfo("prometheus", ["--config.file=prometheus.yml", "--storage.tsdb.path=data", $"--web.listen-address=127.0.0.1:{port}", "--log.level=error"])
        {
            WorkingDirectory = folder, RedirectStandardError = true,
        })!;
        process.ErrorDataReceived += (_, line) => Said += line.Data + "\n";
        process.BeginErrorReadLine();
        http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
    }

    static string Scraped(string scheme, IEnumerable<Uri> servers, string? authority)
        => $"  - job_name: orchestrator-{scheme}\n    scheme: {scheme}\n" + (scheme == Uri.UriSchemeHttps ? $"    tls_config: {{ ca_file: {authority} }}\n" : "")
            + $"    static_configs: [{{ targets: [{string.Join(", ", servers.Select(server => $"'{server.Authority}'"))}] }}]";

    /// <summary>What it complained about.</summary>
    public string Said { get; private set; } = "";

    public static Task<PrometheusServer> Start(int scraped, IReadOnlyList<string> rules) => Start([new Uri($"http://127.0.0.1:{scraped}")], rules);

    /// <summary>Starts one, and waits until it is ready.</summary>
    /// <param name="scraped">who shows <c>/metrics</c></param>
    /// <param name="rules">the text of files of rules</param>
    /// <param name="authority">the authority of those that speak TLS</param>
    public static async Task<PrometheusServer> Start(IReadOnlyList<Uri> scraped, IReadOnlyList<string> rules, string? authority = null)
    {
        Assert.SkipUnless(Programs.Exists("prometheus"), "prometheus is not installed");
        var server = new PrometheusServer(scraped, rules, authority);
        await server.Until("it is ready", async () =>
        {
            try
            {
                return (await server.http.GetAsync(new Uri("/-/ready", UriKind.Relative))).IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
        return server;
    }

    /// <summary>The series of a query, each with its values, from a moment until now.</summary>
    public async Task<IReadOnlyList<(JsonObject Labels, IReadOnlyList<double> Values)>> Range(string query, DateTimeOffset from)
    {
        var answer = await Ask("/api/v1/query_range", ("query", query), ("start", Text(from)), ("end", Text(DateTimeOffset.UtcNow)), ("step", "1"));
        Assert.Equal("matrix", (string?)answer["resultType"]);
        return [.. answer["result"]!.AsArray().Select(series => (series!["metric"]!.AsObject(), (IReadOnlyList<double>)[.. series["values"]!.AsArray().Select(Value)]))];
    }

    /// <summary>The same with the time of each value, in seconds after that moment.</summary>
    public async Task<IReadOnlyList<(JsonObject Labels, IReadOnlyList<(double Second, double Value)> Points)>> Curves(string query, DateTimeOffset from)
    {
        var answer = await Ask("/api/v1/query_range", ("query", query), ("start", Text(from)), ("end", Text(DateTimeOffset.UtcNow)), ("step", "0.5"));
        var began = from.ToUnixTimeMilliseconds() / 1000.0;
        return [.. answer["result"]!.AsArray().Select(series => (series!["metric"]!.AsObject(), (IReadOnlyList<(double, double)>)[.. series["values"]!.AsArray().Select(pair => ((double)pair![0]! - began, Value(pair)))]))];
    }

    /// <summary>The value of every series of a query now.</summary>
    public async Task<IReadOnlyList<(JsonObject Labels, double Value)>> Now(string query)
    {
        var answer = await Ask("/api/v1/query", ("query", query));
        Assert.Equal("vector", (string?)answer["resultType"]);
        return [.. answer["result"]!.AsArray().Select(series => (series!["metric"]!.AsObject(), Value(series["value"])))];
    }

    /// <summary>A page of its API.</summary>
    public async Task<JsonNode> Ask(string path, params (string Name, string Value)[] form)
    {
        using var body = new FormUrlEncodedContent(form.Select(field => KeyValuePair.Create(field.Name, field.Value)));
        using var response = form.Length == 0 ? await http.GetAsync(new Uri(path, UriKind.Relative)) : await http.PostAsync(new Uri(path, UriKind.Relative), body);
        var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        Assert.True((string?)answer["status"] == "success", $"{string.Join(' ', form)}: {answer["error"]}");
        return answer["data"]!;
    }

    /// <summary>Waits until something is so.</summary>
    public async Task Until(string what, Func<Task<bool>> isSo)
    {
        var since = Stopwatch.StartNew();
        while (!await isSo())
        {
            Assert.True(since.Elapsed < patience && !process.HasExited, $"{what}: not within {patience}; {Said}");
            await Task.Delay(200, TestContext.Current.CancellationToken);
        }
    }

    static double Value(JsonNode? pair) => (string)pair![1]! switch { "+Inf" => double.PositiveInfinity, "-Inf" => double.NegativeInfinity, var number => double.Parse(number, CultureInfo.InvariantCulture) };

    static string Text(DateTimeOffset at) => (at.ToUnixTimeMilliseconds() / 1000.0).ToString(CultureInfo.InvariantCulture);

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
