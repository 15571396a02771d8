using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Orchestrator.Harness;

/// <summary>
/// A real <c>orchestrator serve</c> in a process of its own, on free ports of loopback, and the signals to treat it with. It keeps its name, ports and folders, so that <see cref="Again"/>
/// is the same server in its next incarnation.
/// </summary>
public sealed partial class ServerProcess : IAsyncDisposable
{
    static readonly TimeSpan readyWithin = TimeSpan.FromSeconds(60);
    static readonly TimeSpan goneWithin = TimeSpan.FromSeconds(60);
    const string Certificate = "ORCHESTRATOR_SECURITY__CERTIFICATE";
    const string Authority = "ORCHESTRATOR_SECURITY__AUTHORITY";

    readonly string[] arguments;
    readonly IReadOnlyDictionary<string, string> environment;
    readonly string[] through;
    readonly string host;
    readonly HttpClient http;
    readonly StringBuilder said = new();
    Process process;
    TaskCompletionSource spoke = new(TaskCreationOptions.RunContinuationsAsynchronously);

    ServerProcess(string name, int ports, string data, string[] arguments, IReadOnlyDictionary<string, string> environment, string[] through, string host)
    {
        (Name, Ports, Data, this.arguments, this.environment, this.through, this.host) = (name, ports, data, arguments, environment, through, host);
        http = new HttpClient(environment.TryGetValue(Authority, out var authority) ? Trusting(authority) : new SocketsHttpHandler()) { Timeout = TimeSpan.FromSeconds(5) };
        process = Launch();
    }

    static SocketsHttpHandler Trusting(string authority)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(authority);
        return new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = policy } };
    }

    /// <summary>Its silo's name.</summary>
    public string Name { get; }

    /// <summary>The first of its five ports.</summary>
    public int Ports { get; }

    /// <summary>Its data folder.</summary>
    public string Data { get; }

    /// <summary>The process.</summary>
    public int Id => process.Id;

    /// <summary>REST, health and metrics.</summary>
    public Uri Http => At(Ports);

    /// <summary>The gRPC API.</summary>
    public Uri Api => At(Ports + 1);

    /// <summary>The exchange.</summary>
    public Uri Exchange => At(Ports + 2);

    /// <summary>Its silo, which other servers talk to.</summary>
    public Uri Silo => At(Ports + 3);

    Uri At(int port) => new UriBuilder(environment.ContainsKey(Certificate) ? "https" : "http", host, port).Uri;

    /// <summary>Everything it has written so far, over all its incarnations: standard error and output.</summary>
    public string Log
    {
        get
        {
            lock (said)
                return said.ToString();
        }
    }

    /// <summary>Whether it runs.</summary>
    public bool IsAlive => !process.HasExited;

    /// <summary>Starts a server and waits until it is ready.</summary>
    /// <param name="name">its name</param>
    /// <param name="data">its data folder; the caller removes it</param>
    /// <param name="database">the database that it shares; null is one of its own, in <paramref name="data"/></param>
    /// <param name="workers">how many it has</param>
    /// <param name="ports">the first of its five ports; free ones by default</param>
    /// <param name="more">further arguments</param>
    /// <param name="environment">variables, beside those of the test</param>
    public static async Task<ServerProcess> Start(string name, string data, string? database = null, int workers = 1, int? ports = null, string[]? more = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var server = Begin(name, data, database, workers, ports, more, environment);
        try
        {
            await server.Ready();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a server without waiting for it, for tests of what a start says.</summary>
    /// <inheritdoc cref="Start"/>
    /// <param name="name">its name</param>
    /// <param name="data">its data folder; the caller removes it</param>
    /// <param name="database">the database that it shares; null is one of its own, in <paramref name="data"/></param>
    /// <param name="workers">how many it has</param>
    /// <param name="ports">the first of its five ports; free ones by default</param>
    /// <param name="more">further arguments</param>
    /// <param name="environment">variables, beside those of the test</param>
    /// <param name="through">a command that becomes the server's, which follows as its arguments: <c>ip netns exec NAME</c></param>
    /// <param name="host">the address by which it is reached</param>
    public static ServerProcess Begin(string name, string data, string? database = null, int workers = 1, int? ports = null, string[]? more = null, IReadOnlyDictionary<string, string>? environment = null,
        string[]? through = null, string host = "127.0.0.1")
    {
        var first = ports ?? FreePorts.InARow(5);
        string[] arguments =
        [
            "serve", "--name", name, "--ports", first.ToString(CultureInfo.InvariantCulture), "--data", data, "--cache", Path.Combine(data, "cache", name), "--workers",
            workers.ToString(CultureInfo.InvariantCulture), .. database is null ? Array.Empty<string>() : ["--database", database], .. more ?? [],
        ];
        return new ServerProcess(name, first, data, arguments, environment ?? new Dictionary<string, string>(), through ?? [], host);
    }

    /// <summary>Waits until <c>/readyz</c> says yes.</summary>
    /// <exception cref="InvalidOperationException">it has ended, or is not ready in time; with its log</exception>
    public async Task Ready()
    {
        using var patience = new CancellationTokenSource(readyWithin);
        while (!await IsReady())
        {
            if (!IsAlive || patience.IsCancellationRequested)
                throw new InvalidOperationException($"{Name} is not ready{(IsAlive ? "" : $", it ended with {process.ExitCode}")}:{Environment.NewLine}{Log}");
            await Task.Delay(50);
        }
    }

    /// <summary>What <c>/readyz</c> says now; false where nobody answers.</summary>
    public async Task<bool> IsReady()
    {
        try
        {
            using var answer = await http.GetAsync(new Uri(Http, "/readyz"));
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }

    /// <summary>The sum of a metric's series, as <c>/metrics</c> tells them now; 0 where there is none.</summary>
    public async Task<double> Metric(string name)
    {
        var lines = (await http.GetStringAsync(new Uri(Http, "/metrics"))).Split('\n');
        return lines.Where(line => line.StartsWith(name, StringComparison.Ordinal) && line.Length > name.Length && line[name.Length] is ' ' or '{')
            .Sum(line => double.Parse(line[(line.LastIndexOf('}') + 1)..].Trim().Split(' ')[0], CultureInfo.InvariantCulture));
    }

    /// <summary>Waits until its log holds a text, and answers with the line.</summary>
    /// <exception cref="TimeoutException">it does not come</exception>
    public async Task<string> Says(string text, TimeSpan? within = null)
    {
        using var patience = new CancellationTokenSource(within ?? TimeSpan.FromSeconds(30));
        while (true)
        {
            var next = spoke;
            if (Log.Split('\n').FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal)) is { } line)
                return line;
            try
            {
                await next.Task.WaitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"{Name} does not say '{text}':{Environment.NewLine}{Log}");
            }
        }
    }

    /// <summary>SIGTERM, and the exit code once it has gone.</summary>
    public Task<int> Terminate()
    {
        Signal(PosixSignals.Term);
        return Gone();
    }

    /// <summary>SIGTERM, without waiting.</summary>
    public void AskToStop() => Signal(PosixSignals.Term);

    /// <summary>SIGKILL.</summary>
    public async Task Kill()
    {
        Signal(PosixSignals.Kill);
        await Gone();
    }

    /// <summary>SIGSTOP: it hangs, its sockets stay open.</summary>
    public void Freeze() => Signal(PosixSignals.Stop);

    /// <summary>SIGCONT.</summary>
    public void Thaw() => Signal(PosixSignals.Continue);

    /// <summary>The exit code, once it has gone by itself.</summary>
    public async Task<int> Gone()
    {
        using var patience = new CancellationTokenSource(goneWithin);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{Name} does not end:{Environment.NewLine}{Log}");
        }
        return process.ExitCode;
    }

    /// <summary>Starts it again after it has gone, under its name and on its ports, and waits until it is ready.</summary>
    public async Task Again()
    {
        if (IsAlive)
            throw new InvalidOperationException($"{Name} still runs");
        process.Dispose();
        process = Launch();
        await Ready();
    }

    Process Launch()
    {
        Directory.CreateDirectory(Data);
        string[] words = [.. through, Program(), .. arguments];
        var start = new ProcessStartInfo(words[0]) { RedirectStandardError = true, RedirectStandardOutput = true, WorkingDirectory = Data };
        foreach (var argument in words[1..])
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        var launched = Process.Start(start)!;
        launched.OutputDataReceived += (_, line) => Keep(line.Data);
        launched.ErrorDataReceived += (_, line) => Keep(line.Data);
        launched.BeginOutputReadLine();
        launched.BeginErrorReadLine();
        return launched;
    }

    void Keep(string? line)
    {
        if (line is null)
            return;
        TaskCompletionSource last;
        lock (said)
        {
            said.Append(line).Append('\n');
            (last, spoke) = (spoke, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        last.TrySetResult();
    }

    void Signal(int signal)
    {
        if (Send(process.Id, signal) != 0)
            throw new Win32Exception();
    }

    // Beside the test's own assembly, which references the command.
    static string Program()
    {
        var beside = Path.Combine(AppContext.BaseDirectory, "orchestrator");
        return File.Exists(beside) ? beside : throw new InvalidOperationException($"no orchestrator at {beside}: the test's project needs a reference to Orchestrator.Cli");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (IsAlive)
        {
            Signal(PosixSignals.Kill);
            await Gone();
        }
        process.Dispose();
        http.Dispose();
    }

    static class PosixSignals
    {
        public const int Kill = 9;
        public const int Term = 15;
        public const int Continue = 18;
        public const int Stop = 19;
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Send(int process, int signal);
}
