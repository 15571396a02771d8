using System.Runtime.CompilerServices;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Orchestrator.Api.V1;
using Orchestrator.Protocol;

namespace Orchestrator.Cli.Cluster;

/// <summary>
/// The way to a cluster: one server of it, and others that are asked when that one does not answer. Every call may be asked again, since the same again changes nothing; streams are taken up where they
/// broke.
/// </summary>
sealed class Connection : IDisposable
{
    /// <summary>How long a stream that broke is tried again, from the last thing heard: what it takes to start a server anew, and some.</summary>
    public static readonly TimeSpan StreamPatience = TimeSpan.FromSeconds(60);

    // A server that answers, but cannot just now: a few times what a job's grain takes to be back elsewhere.
    static readonly TimeSpan callPatience = TimeSpan.FromSeconds(10);
    static readonly TimeSpan answersWithin = TimeSpan.FromSeconds(60);
    static readonly TimeSpan between = TimeSpan.FromMilliseconds(250);

    readonly TimeProvider clock;
    readonly Identity identity;
    readonly (Uri Server, GrpcChannel Channel)[] ways;
    int current;

    /// <param name="servers">at least one</param>
    /// <param name="space">the namespace that is meant where none is said</param>
    /// <param name="clock">what patience is measured with</param>
    /// <param name="identity">who asks; nobody by default</param>
    /// <exception cref="ProblemException">the token would go to a server in clear text</exception>
    public Connection(IReadOnlyList<Uri> servers, string space, TimeProvider? clock = null, Identity? identity = null)
    {
        this.clock = clock ?? TimeProvider.System;
        this.identity = identity ?? Identity.None;
        Space = space;
        foreach (var server in servers)
            this.identity.Check(server);
        ways = [.. servers.Select(server => (server, GrpcChannel.ForAddress(server, new GrpcChannelOptions { HttpHandler = Handler(), DisposeHttpClient = true })))];
    }

    SocketsHttpHandler Handler() => new()
    {
        SslOptions = identity.Tls(),
        ConnectTimeout = TimeSpan.FromSeconds(3),
        KeepAlivePingDelay = TimeSpan.FromSeconds(5),      // a host that hangs closes nothing
        KeepAlivePingTimeout = TimeSpan.FromSeconds(5),
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
        EnableMultipleHttp2Connections = true,
    };

    /// <summary>Addresses, one or several with commas between.</summary>
    /// <exception cref="ProblemException">one is none</exception>
    public static IReadOnlyList<Uri> Servers(string text, string place)
    {
        var servers = text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return servers.Length == 0 ? throw Wrong() : [.. servers.Select(server => Uri.TryCreate(server, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" ? uri : throw Wrong())];

        ProblemException Wrong() => new(place, $"'{text}'", "the address of a server's gRPC, or several with commas between", "for example http://127.0.0.1:8081");
    }

    /// <summary>The namespace that is meant where none is said.</summary>
    public string Space { get; }

    /// <summary>The server that is asked now.</summary>
    public Uri Server => ways[current].Server;

    /// <summary>Asks, whoever answers.</summary>
    /// <param name="call">the question</param>
    /// <param name="stop">gives up</param>
    /// <param name="within">how long an answer may take; a minute by default</param>
    /// <exception cref="RefusedException">the cluster says no</exception>
    /// <exception cref="NoAnswerException">nobody answers</exception>
    public async Task<T> Ask<T>(Func<CallInvoker, CallOptions, AsyncUnaryCall<T>> call, CancellationToken stop, TimeSpan? within = null)
    {
        var since = clock.GetTimestamp();
        var reasons = new Dictionary<Uri, string>();
        while (true)
        {
            var answered = false;
            for (var i = 0; i < ways.Length; i++)
            {
                try
                {
                    return await call(Invoker, new CallOptions(deadline: clock.GetUtcNow().UtcDateTime + (within ?? answersWithin), cancellationToken: stop));
                }
                catch (RpcException e) when (!stop.IsCancellationRequested && Answers.IsPassing(e))
                {
                    answered |= !Answers.IsBroken(e);
                    reasons[Server] = Answers.Reason(e);
                    Next();
                }
                catch (RpcException e)
                {
                    stop.ThrowIfCancellationRequested();
                    throw Answers.Refusal(e);
                }
            }
            if (!answered || clock.GetElapsedTime(since) > callPatience)
                throw Nobody(reasons);
            await Task.Delay(between, clock, stop);
        }
    }

    /// <summary>Reads a stream to its end, whichever servers die on the way.</summary>
    /// <param name="open">opens it after a place</param>
    /// <param name="after">the place after which it begins</param>
    /// <param name="advance">the place after something that was read</param>
    /// <param name="away">told why it broke, before it is tried again</param>
    /// <param name="stop">gives up</param>
    /// <exception cref="RefusedException">the cluster says no</exception>
    /// <exception cref="NoAnswerException">nobody answers for <see cref="StreamPatience"/></exception>
    public async IAsyncEnumerable<T> Follow<T>(
        Func<CallInvoker, long, CallOptions, AsyncServerStreamingCall<T>> open, long after, Func<T, long, long> advance, Action<string> away, [EnumeratorCancellation] CancellationToken stop)
    {
        var since = clock.GetTimestamp();
        var reasons = new Dictionary<Uri, string>();
        while (true)
        {
            using (var call = open(Invoker, after, new CallOptions(cancellationToken: stop)))
            {
                while (true)
                {
                    var (isThere, broken) = await MoveNext(call.ResponseStream, stop);
                    if (broken is not null)
                    {
                        reasons[Server] = broken;
                        break;
                    }
                    if (!isThere)
                        yield break;
                    after = advance(call.ResponseStream.Current, after);
                    (since, _) = (clock.GetTimestamp(), reasons.Remove(Server));
                    yield return call.ResponseStream.Current;
                }
            }
            if (clock.GetElapsedTime(since) > StreamPatience)
                throw Nobody(reasons);
            away($"{Server}: {reasons[Server]}");
            Next();
            await Task.Delay(between, clock, stop);
        }
    }

    static async Task<(bool IsThere, string? Broken)> MoveNext<T>(IAsyncStreamReader<T> stream, CancellationToken stop)
    {
        try
        {
            return (await stream.MoveNext(stop), null);
        }
        catch (RpcException e) when (!stop.IsCancellationRequested && Answers.IsPassing(e))
        {
            return (false, Answers.Reason(e));
        }
        catch (RpcException e)
        {
            stop.ThrowIfCancellationRequested();
            throw Answers.Refusal(e);
        }
    }

    /// <summary>The way to the server that is asked now, for a call that cannot be taken up by itself.</summary>
    public CallInvoker Invoker => identity.Token is { } token ? ways[current].Channel.Intercept(sent => With(sent, token)) : ways[current].Channel.CreateCallInvoker();

    static Metadata With(Metadata sent, string token)
    {
        sent.Add("authorization", $"Bearer {token}");
        return sent;
    }

    /// <summary>Asks the next server from now on.</summary>
    public void Next() => current = (current + 1) % ways.Length;

    /// <summary>A job's address in the API.</summary>
    public JobRequest Job(string name) => new() { Namespace = Space, Name = name };

    static NoAnswerException Nobody(Dictionary<Uri, string> reasons)
        => new($"nobody could answer: {string.Join("; ", reasons.Select(reason => $"{reason.Key.ToString().TrimEnd('/')}: {reason.Value}"))}; is `orchestrator serve` running there? (--server, ORCHESTRATOR_SERVER, or orchestrator context)");

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, channel) in ways)
            channel.Dispose();
    }
}
