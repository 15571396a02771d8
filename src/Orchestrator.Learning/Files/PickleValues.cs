using TorchSharp;

namespace Orchestrator.Learning.Files;

// What a pickle of torch's may hold, as inert values. Numbers are long, BigInteger or double; texts string; bytes byte[]; None null.

/// <summary>A list, a set, or what is known so far of one.</summary>
sealed class PickleList : List<object?>;

/// <summary>A tuple or <c>torch.Size</c>.</summary>
sealed record PickleTuple(object?[] Items);

/// <summary>A dict, an OrderedDict or the attributes of a Namespace, in the file's order. Keys are compared when the dictionary is used, not here.</summary>
sealed class PickleDict : List<KeyValuePair<object?, object?>>
{
    /// <summary>Whether it came from <c>argparse.Namespace</c>.</summary>
    public bool IsNamespace { get; init; }

    /// <summary>The last value stored under a text, as Python would have it.</summary>
    public bool TryGet(string key, out object? value)
    {
        for (var i = Count - 1; i >= 0; i--)
            if (this[i].Key is string name && name == key)
            {
                value = this[i].Value;
                return true;
            }
        value = null;
        return false;
    }
}

/// <summary>A name that stands for a class or function of the short list in <see cref="PickleGlobals"/>.</summary>
sealed record PickleGlobal(string Name)
{
    public override string ToString() => Name;
}

/// <summary>A run of elements that lies beside the pickle, under a key.</summary>
sealed record PickleStorage(torch.ScalarType Type, string Key, long Elements);

/// <summary>A tensor over a storage; sizes are not yet checked against the file.</summary>
sealed record PickleTensor(PickleStorage Storage, long Offset, long[] Shape, long[] Strides);
