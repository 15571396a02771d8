using Orchestrator.Learning.Files;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Jobs;
using static TorchSharp.torch;

namespace Orchestrator.Engine.Resident;

/// <summary>The frozen bases of this process: each loaded once per type and device, shared by every worker and evaluation, freed when the last lets go.</summary>
public sealed class ResidentBases : IDisposable
{
    readonly Lock gate = new();
    readonly Dictionary<(string Path, Precision Precision, string Device), Entry> entries = [];

    /// <summary>The weights of a model's folder; the caller disposes the lease when it needs them no more. Concurrent callers wait for one load.</summary>
    /// <exception cref="Protocol.ProblemException">the folder holds no LLaMA that can be read</exception>
    public BaseLease Acquire(string path, Precision precision, string device, IProgress<long>? bytesRead = null)
    {
        Entry? entry;
        var key = (Path.GetFullPath(path), precision, device);
        lock (gate)
        {
            if (!entries.TryGetValue(key, out entry))
                entries.Add(key, entry = new Entry(new Lazy<LlamaWeights>(() => Load(path, precision, device, bytesRead))));
            entry.Leases++;
        }
        try
        {
            return new BaseLease(entry.Weights.Value, () => Release(key, entry));
        }
        catch
        {
            Release(key, entry);
            throw;
        }
    }

    static LlamaWeights Load(string path, Precision precision, string device, IProgress<long>? bytesRead)
    {
        using var folder = ModelFolder.Open(path);
        return LlamaWeights.Load(folder.Config, (name, type) => folder.Read(name, type, bytesRead), DeterministicTorch.TypeOf(precision), new Device(device));
    }

    void Release((string, Precision, string) key, Entry entry)
    {
        lock (gate)
        {
            if (--entry.Leases > 0)
                return;
            entries.Remove(key);
        }
        if (entry.Weights.IsValueCreated)
            entry.Weights.Value.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (gate)
        {
            foreach (var entry in entries.Values.Where(entry => entry.Weights.IsValueCreated))
                entry.Weights.Value.Dispose();
            entries.Clear();
        }
    }

    sealed class Entry(Lazy<LlamaWeights> weights)
    {
        public Lazy<LlamaWeights> Weights { get; } = weights;
        public int Leases { get; set; }
    }
}

/// <summary>A share of a resident base.</summary>
public sealed class BaseLease : IDisposable
{
    Action? release;

    internal BaseLease(LlamaWeights weights, Action release) => (Weights, this.release) = (weights, release);

    /// <summary>The frozen weights.</summary>
    public LlamaWeights Weights { get; }

    /// <summary>Lets go of the base; repeats change nothing.</summary>
    public void Dispose() => Interlocked.Exchange(ref release, null)?.Invoke();
}
