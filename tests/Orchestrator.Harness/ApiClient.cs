using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Net.Client;

namespace Orchestrator.Harness;

/// <summary>The public API of a cluster whose servers come and go: a call is asked again, at the next server, until one answers.</summary>
/// <param name="servers">those that may be asked now</param>
public sealed class ApiClient(Func<IEnumerable<Uri>> servers) : IDisposable
{
    static readonly TimeSpan answersWithin = TimeSpan.FromSeconds(5);      // one server, one try: a server that hangs does not say so
    static readonly TimeSpan patience = TimeSpan.FromSeconds(30);

    readonly ConcurrentDictionary<Uri, GrpcChannel> channels = [];

    /// <summary>Asks until somebody answers.</summary>
    /// <exception cref="RpcException">the answer is no, or nobody answers within 30 s</exception>
    public async Task<T> Ask<T>(Func<CallInvoker, CallOptions, AsyncUnaryCall<T>> call)
    {
        using var stop = new CancellationTokenSource(patience);
        while (true)
        {
            RpcException? last = null;
            foreach (var server in servers())
            {
                try
                {
                    return await AskOnce(server, call);
                }
                catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled)
                {
                    last = e;
                }
            }
            if (stop.IsCancellationRequested)
                throw last ?? new RpcException(new Status(StatusCode.Unavailable, "no server lives"));
            await Task.Delay(50);
        }
    }

    /// <summary>Asks one server, once.</summary>
    /// <exception cref="RpcException">the answer is no, or there is none</exception>
    public async Task<T> AskOnce<T>(Uri server, Func<CallInvoker, CallOptions, AsyncUnaryCall<T>> call)
        => await call(To(server), new CallOptions(deadline: DateTime.UtcNow + answersWithin));

    /// <summary>The way to a server, for streams.</summary>
    public CallInvoker To(Uri server) => channels.GetOrAdd(server, where => GrpcChannel.ForAddress(where)).CreateCallInvoker();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var channel in channels.Values)
            channel.Dispose();
    }
}
