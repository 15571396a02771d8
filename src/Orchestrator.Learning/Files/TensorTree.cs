using System.Globalization;
using System.Numerics;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Files;

/// <summary>Turns a pickle's nested values into a flat list of tensors and the plain values beside them, checking every tensor against its storage.</summary>
/// <param name="path">the file, for problems</param>
/// <param name="locate">first byte and size of a storage in the file</param>
sealed class TensorTree(string path, Func<PickleStorage, (long Offset, long Bytes)> locate)
{
    const int DepthMax = 32;

    /// <summary>A value that is stored once may be reached on many ways: what is visited is bounded, not what is stored.</summary>
    const int VisitsMax = 1_000_000;

    const int TensorsMax = 100_000;
    const int MetadataMax = 10_000;

    readonly List<TensorEntry> entries = [];
    readonly HashSet<string> names = new(StringComparer.Ordinal);
    readonly Dictionary<string, string> metadata = new(StringComparer.Ordinal);
    int visits;

    /// <summary>
    /// The tensors under dotted names. Of a training checkpoint (a dictionary whose <c>model</c> is a dictionary) only the model's; its
    /// optimiser is left alone, its plain values become metadata.
    /// </summary>
    public (List<TensorEntry>, Dictionary<string, string>) Flatten(object? root)
    {
        if (root is not PickleDict dict)
            throw new ProblemException(path, "no dictionary", "a dictionary of tensors", "save the model's state_dict");
        if (dict.TryGet("model", out var value) && value is PickleDict model)
        {
            foreach (var (key, other) in dict)
                if (key is string name && name is not "model" and not "optimizer")
                    Visit(name, other, DepthMax, tensors: false);
            dict = model;
        }
        Visit("", dict, DepthMax, tensors: true);
        if (entries.Count == 0)
            throw new ProblemException(path, "no tensor", "a dictionary of tensors", "save the model's state_dict");
        return (entries, metadata);
    }

    /// <summary>Every storage that is used, by key.</summary>
    public Dictionary<string, PickleStorage> Storages(object? root)
    {
        var storages = new Dictionary<string, PickleStorage>(StringComparer.Ordinal);
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var open = new Stack<object?>([root]);
        while (open.TryPop(out var value))
        {
            if (value is PickleTensor or PickleStorage)
            {
                var storage = value as PickleStorage ?? ((PickleTensor)value).Storage;
                if (storages.TryGetValue(storage.Key, out var known) && known.Type != storage.Type)
                    throw new ProblemException($"{path} storage {storage.Key}", $"{known.Type} and {storage.Type}", "one type", "the file is corrupt: copy it again");
                storages[storage.Key] = storage;
            }
            else if (value is PickleDict or PickleList or PickleTuple && seen.Add(value))
                foreach (var item in value switch { PickleDict dict => dict.Select(pair => pair.Value), PickleList list => list, PickleTuple tuple => tuple.Items, _ => [] })
                    open.Push(item);
        }
        return storages;
    }

    void Visit(string name, object? value, int depth, bool tensors)
    {
        if (++visits > VisitsMax || depth == 0)
            throw new ProblemException($"{path} {name}", $"more than {VisitsMax:N0} values or {DepthMax} levels", "a state_dict", "save the model's state_dict only");
        switch (value)
        {
            case PickleTensor tensor when tensors:
                entries.Add(Entry(name, tensor));
                break;
            case PickleDict dict:
                foreach (var (key, item) in dict)
                    if (key is string text && !TensorEntry.IsPrintable(text))
                        throw new ProblemException(path, "a name with control characters", "a name that can be printed", "the file is corrupt: copy it again");
                    else if (key is string or long)
                        Visit(Join(name, Convert.ToString(key, CultureInfo.InvariantCulture)!), item, depth - 1, tensors);
                break;
            case PickleList list:
                Items(name, list, depth, tensors);
                break;
            case PickleTuple tuple:
                Items(name, tuple.Items, depth, tensors);
                break;
            case string or long or double or bool or BigInteger when name.Length > 0 && metadata.Count < MetadataMax:
                metadata[name] = Convert.ToString(value, CultureInfo.InvariantCulture)!;
                break;
        }
    }

    void Items(string name, IReadOnlyList<object?> items, int depth, bool tensors)
    {
        for (var i = 0; i < items.Count; i++)
            Visit(Join(name, i.ToString(CultureInfo.InvariantCulture)), items[i], depth - 1, tensors);
    }

    /// <summary>Names grow with depth: bounded, so that deep keys cannot multiply into much memory.</summary>
    string Join(string name, string key) => name.Length == 0 ? key
        : name.Length + key.Length < 1000 ? $"{name}.{key}"
        : throw new ProblemException(path, "a name of more than 1,000 characters", "a shorter one");

    TensorEntry Entry(string name, PickleTensor tensor)
    {
        var place = $"{path} tensor {name}";
        if (entries.Count == TensorsMax)
            throw new ProblemException(path, $"more than {TensorsMax:N0} tensors", "a state_dict", "save the model's state_dict only");
        if (!names.Add(name))
            throw new ProblemException(place, "two of this name", "one", "the file is corrupt: copy it again");
        var (offset, bytes) = locate(tensor.Storage);
        var elementBytes = ElementTypes.BytesOf(tensor.Storage.Type);
        var elements = bytes / elementBytes;
        if (tensor.Storage.Elements != elements)
            throw new ProblemException(place, $"a storage of {bytes} bytes", $"{tensor.Storage.Elements} elements of {tensor.Storage.Type}", "the file is corrupt: copy it again");
        if (!TensorEntry.Fits(tensor.Shape, tensor.Storage.Type, bytes, out _) || !Spans(tensor, elements))
            throw new ProblemException(place, $"shape {TensorEntry.ShapeOf(tensor.Shape)}, strides {TensorEntry.ShapeOf(tensor.Strides)} from element {tensor.Offset}",
                $"what lies within a storage of {elements} elements", "the file is corrupt: copy it again");
        return new(name, tensor.Storage.Type, tensor.Shape) { Offset = offset + tensor.Offset * elementBytes, Strides = Plain(tensor) ? null : tensor.Strides };
    }

    /// <summary>Whether the first and the last element lie within the storage. Sizes are bounded already, so nothing overflows.</summary>
    static bool Spans(PickleTensor tensor, long elements)
    {
        if (tensor.Strides.Length != tensor.Shape.Length || tensor.Offset < 0 || tensor.Offset > elements)
            return false;
        if (tensor.Shape.Contains(0))
            return true;
        var last = tensor.Offset;
        for (var i = 0; i < tensor.Shape.Length; i++)
        {
            var steps = tensor.Shape[i] - 1;
            if (tensor.Strides[i] < 0 || (steps > 0 && tensor.Strides[i] > (elements - last) / steps))
                return false;
            last += steps > 0 ? steps * tensor.Strides[i] : 0;
        }
        return last < elements;
    }

    static bool Plain(PickleTensor tensor)
    {
        for (var (i, step) = (tensor.Shape.Length - 1, 1L); i >= 0; step *= tensor.Shape[i--])
            if (tensor.Shape[i] != 1 && tensor.Strides[i] != step)
                return false;
        return true;
    }
}
