using Orchestrator.Protocol;
using TorchSharp;

namespace Orchestrator.Learning.Files;

/// <summary>How the gates of a file for the original are to be read.</summary>
public enum UpstreamGates
{
    /// <summary>As they are trained: the original's training applies tanh to them.</summary>
    Raw,

    /// <summary>tanh of them: the original's inference multiplies by what the file holds.</summary>
    Tanh,
}

/// <summary>
/// Adapters on disk: ours (<c>adapter.safetensors</c>), the original's (<c>.pth</c>: a flat dictionary, or a training checkpoint with the base
/// in it) and PEFT's folder.
/// </summary>
public static class AdapterFile
{
    /// <summary>The file's name in the folder of a run or of a checkpoint.</summary>
    public const string Name = "adapter.safetensors";

    /// <summary>Reads an adapter of any of the three kinds, into memory of its own.</summary>
    /// <param name="path">a file, a folder of a run or a checkpoint, or a folder of PEFT's</param>
    /// <param name="heads">query heads of the base: PEFT's one gate per layer is repeated over them; null leaves it one number, [1, 1, 1, 1]</param>
    /// <exception cref="ProblemException">no adapter, or one that cannot be read</exception>
    public static AdapterContents Read(string path, int? heads = null)
    {
        if (PeftFolder.Is(path))
            return PeftFolder.Read(path, heads);
        using var file = TensorFile.Open(FilesOf(path)[^1]);
        var names = file.Entries.Select(entry => entry.Name);
        // A training checkpoint of the original holds the base too; an adapter of the second version holds norms of its own, which stay.
        if (file.Find(AdapterNames.Query) is not null && file.Find(MetaNames.Embedding) is not null)
            names = names.Where(AdapterNames.IsAdapter);
        return new(Load(file, names), file.Metadata);
    }

    /// <summary>The files that <see cref="Read"/> reads for a path: what an adapter's digest is made of.</summary>
    /// <exception cref="ProblemException">a folder of PEFT's without weights</exception>
    public static IReadOnlyList<string> FilesOf(string path) =>
        PeftFolder.Is(path) ? [Path.Combine(path, PeftFolder.ConfigName), PeftFolder.Weights(path)]
        : [Directory.Exists(path) ? Path.Combine(path, Name) : path];

    internal static OrderedDictionary<string, torch.Tensor> Load(TensorFile file, IEnumerable<string> names)
    {
        var tensors = new OrderedDictionary<string, torch.Tensor>(StringComparer.Ordinal);
        foreach (var name in names)
        {
            using var scope = torch.NewDisposeScope();
            tensors[name] = file.Load(name, torch.float32).DetachFromDisposeScope();
        }
        return tensors;
    }

    /// <summary>Writes ours, in the order of <paramref name="adapter"/>.</summary>
    /// <exception cref="ProblemException">the place cannot be written</exception>
    public static void Write(string path, AdapterContents adapter) =>
        SafeTensors.Write(path, [.. adapter.Tensors.Select(pair => SafeTensor.Of(pair.Key, pair.Value))], adapter.Metadata);

    /// <summary>
    /// Writes what the original loads: a flat dictionary with the prompts and a gate for every layer up to the last, those below the adapted
    /// layers zero.
    /// </summary>
    /// <exception cref="ProblemException">an adapter of another method, or a place that cannot be written</exception>
    public static void WriteUpstream(string path, AdapterContents adapter, UpstreamGates gates)
    {
        using var scope = torch.NewDisposeScope();
        var prompts = Prompts(path, adapter);
        var byLayer = Gates(path, adapter);
        var tensors = new List<SafeTensor> { SafeTensor.Of(AdapterNames.Query, prompts) };
        for (var layer = 0; layer <= byLayer.Keys[^1]; layer++)
        {
            var gate = byLayer.TryGetValue(layer, out var trained) ? trained : torch.zeros_like(byLayer.Values[^1]);
            tensors.Add(SafeTensor.Of(AdapterNames.Gate(layer), gates == UpstreamGates.Tanh ? gate.tanh() : gate));
        }
        AtomicFile.Write(path, stream => TorchWriter.Write(stream, Path.GetFileNameWithoutExtension(path), tensors));
    }

    /// <summary>The prompts, [L K, D].</summary>
    internal static torch.Tensor Prompts(string path, AdapterContents adapter) =>
        adapter.Tensors.TryGetValue(AdapterNames.Query, out var prompts) && prompts.shape.Length == 2
            ? prompts
            : throw new ProblemException(path, string.Join(", ", adapter.Tensors.Keys.Take(3)), $"{AdapterNames.Query}, [L K, D]", "only LLaMA-Adapter's can be written so; use safetensors");

    /// <summary>The gates by layer, ascending; at least one.</summary>
    internal static SortedList<int, torch.Tensor> Gates(string path, AdapterContents adapter)
    {
        var gates = new SortedList<int, torch.Tensor>();
        foreach (var (name, tensor) in adapter.Tensors)
            if (AdapterNames.LayerOfGate(name) is >= 0 and <= ModelLimits.Layers and var layer)
                gates[layer] = tensor;
            else if (name != AdapterNames.Query)
                throw new ProblemException(path, name, $"{AdapterNames.Query} and gates only", "only LLaMA-Adapter's can be written so; use safetensors");
        return gates.Count > 0 ? gates : throw new ProblemException(path, "no gate", AdapterNames.Gate(0));
    }
}
