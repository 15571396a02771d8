using System.Collections.Concurrent;
using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Orchestrator.Collectives.Wire;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Collectives;

/// <summary>What a replica consists of, as named bytes: parameters, both moments and whatever else its owner needs to go on.</summary>
/// <param name="Step">the state after this many steps</param>
/// <param name="Blobs">names are unique</param>
public sealed record ReplicaState(Step Step, IReadOnlyList<StateBlob> Blobs)
{
    /// <summary>The bytes of the blob of this name.</summary>
    /// <exception cref="KeyNotFoundException">there is none</exception>
    public ReadOnlyMemory<byte> this[string name]
        => Blobs.FirstOrDefault(blob => blob.Name == name)?.Bytes ?? throw new KeyNotFoundException($"the state has no {name}; it has {string.Join(", ", Blobs.Select(blob => blob.Name))}");
}

/// <summary>A part of a state.</summary>
/// <param name="Name">its name</param>
/// <param name="Bytes">its bytes; they must not change while they are copied</param>
public sealed record StateBlob(string Name, ReadOnlyMemory<byte> Bytes);

/// <summary>Gives the state of this process's replica of a job, or null if it has none, or none that is finished. Called on a thread of the server.</summary>
/// <param name="generation">the generation for which it is wanted</param>
/// <param name="stop">the caller gave up</param>
public delegate ValueTask<ReplicaState?> StateProvider(Generation generation, CancellationToken stop);

/// <summary>The state could not be copied from a peer; another may do.</summary>
/// <param name="process">the peer's name</param>
/// <param name="reason">what was wrong</param>
/// <param name="inner">what was thrown, if anything</param>
public sealed class StateCopyException(string process, string reason, Exception? inner = null) : Exception($"the state of {process} cannot be copied: {reason}", inner)
{
    /// <summary>The peer's name.</summary>
    public string Process { get; } = process;
}

/// <summary>Copies the state of a replica from a peer, and serves that of our own. The digest of every blob is checked before anything is returned.</summary>
/// <param name="options">how large a state may be</param>
/// <param name="tls">how peers know each other; null where they speak in clear text</param>
public sealed class StateCopy(ExchangeOptions options, PeerTls? tls = null)
{
    const int PartBytes = 256 << 10;

    readonly ConcurrentDictionary<string, StateProvider> providers = new(StringComparer.Ordinal);

    /// <summary>Serves the state of a job from now on.</summary>
    /// <returns>ends it when disposed</returns>
    /// <exception cref="InvalidOperationException">somebody serves this job's state already</exception>
    public IDisposable Serve(string job, StateProvider provider)
        => providers.TryAdd(job, provider) ? new Served(() => providers.TryRemove(KeyValuePair.Create(job, provider)))
            : throw new InvalidOperationException($"the state of {job} is served already");

    /// <summary>Copies the state of a peer's replica. Takes some 30 ms for LLaMA-Adapter's 15 MB on one machine.</summary>
    /// <exception cref="StateCopyException">the peer cannot be reached, has no state of the job, or sent a part of it, or other bytes</exception>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled</exception>
    public async Task<ReplicaState> Fetch(Peer from, string job, Generation generation, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(from);
        try
        {
            var handler = PeerTls.Handler(tls, options);
            handler.InitialHttp2StreamWindowSize = 8 << 20;
            using var channel = GrpcChannel.ForAddress(from.Address, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
            using var call = new State.StateClient(channel).Copy(new StateRequest { Job = job, Generation = generation.Number }, cancellationToken: stop);
            return await Read(call.ResponseStream, from, stop);
        }
        catch (RpcException e)
        {
            stop.ThrowIfCancellationRequested();
            throw new StateCopyException(from.Process, $"{e.StatusCode}: {e.Status.Detail}", e);
        }
    }

    async Task<ReplicaState> Read(IAsyncStreamReader<StatePart> parts, Peer from, CancellationToken stop)
    {
        if (!await parts.MoveNext(stop) || parts.Current.Manifest is not { } manifest)
            throw new StateCopyException(from.Process, "it begins without a manifest");
        var bytes = manifest.Blobs.Aggregate(Int128.Zero, (sum, blob) => sum + blob.Length);
        if (bytes > options.StateBytesMax || manifest.Blobs.Any(blob => blob.Length < 0 || blob.Length > Array.MaxLength))
            throw new StateCopyException(from.Process, $"it announces {bytes} bytes; {options.StateBytesMax} are allowed, and 2 GiB for a blob");
        var rest = new Rest(parts, from);
        var blobs = new List<StateBlob>();
        foreach (var announced in manifest.Blobs)
        {
            var blob = new byte[announced.Length];
            await rest.Fill(blob, announced.Name, stop);
            if (!announced.Sha256.Span.SequenceEqual(SHA256.HashData(blob)))
                throw new StateCopyException(from.Process, $"{announced.Name} has another SHA-256 than announced");
            blobs.Add(new StateBlob(announced.Name, blob));
        }
        await rest.End(stop);
        return new ReplicaState(new Step(manifest.Step), blobs);
    }

    /// <summary>The bytes behind the manifest, whatever the parts they come in.</summary>
    sealed class Rest(IAsyncStreamReader<StatePart> parts, Peer from)
    {
        ReadOnlyMemory<byte> part;

        public async Task Fill(Memory<byte> blob, string name, CancellationToken stop)
        {
            for (var filled = 0; filled < blob.Length;)
            {
                if (part.IsEmpty && !await parts.MoveNext(stop))
                    throw new StateCopyException(from.Process, $"it ends after {filled} of {blob.Length} bytes of {name}");
                part = part.IsEmpty ? parts.Current.Bytes.Memory : part;
                var here = Math.Min(part.Length, blob.Length - filled);
                part[..here].CopyTo(blob[filled..]);
                part = part[here..];
                filled += here;
            }
        }

        public async Task End(CancellationToken stop)
        {
            if (!part.IsEmpty || await parts.MoveNext(stop))
                throw new StateCopyException(from.Process, "there is more than it announced");
        }
    }

    /// <summary>The parts of what we serve; null if there is nothing.</summary>
    internal async Task<IEnumerable<StatePart>?> Parts(StateRequest request, CancellationToken stop)
    {
        if (!providers.TryGetValue(request.Job, out var provider) || await provider(new Generation(request.Generation), stop) is not { } state)
            return null;
        var manifest = new StateManifest { Step = state.Step.Number };
        foreach (var blob in state.Blobs)
            manifest.Blobs.Add(new Wire.StateBlob { Name = blob.Name, Length = blob.Bytes.Length, Sha256 = ByteString.CopyFrom(SHA256.HashData(blob.Bytes.Span)) });
        return Cut(manifest, state);
    }

    static IEnumerable<StatePart> Cut(StateManifest manifest, ReplicaState state)
    {
        yield return new StatePart { Manifest = manifest };
        foreach (var blob in state.Blobs)
            for (var at = 0; at < blob.Bytes.Length; at += PartBytes)
                yield return new StatePart { Bytes = UnsafeByteOperations.UnsafeWrap(blob.Bytes[at..Math.Min(at + PartBytes, blob.Bytes.Length)]) };
    }

    sealed class Served(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
