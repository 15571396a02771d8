using TorchSharp;

namespace Orchestrator.Learning.Files;

/// <summary>
/// Every global a pickle may name here, and what calling it means. Nothing is looked up anywhere else, so a pickle can call nothing else.
/// </summary>
static class PickleGlobals
{
    const string Tensor2 = "torch._utils._rebuild_tensor_v2";
    const string Tensor1 = "torch._utils._rebuild_tensor";
    const string Parameter = "torch._utils._rebuild_parameter";
    const string OrderedDict = "collections.OrderedDict";
    const string Namespace = "argparse.Namespace";
    const string Size = "torch.Size";
    static readonly string[] Sets = ["builtins.set", "builtins.frozenset", "__builtin__.set", "__builtin__.frozenset"];

    public const string Allowed = "tensors, OrderedDict, Namespace, Size and plain containers";

    /// <summary>The global of that name, or null: then the file must be refused.</summary>
    public static PickleGlobal? Find(string module, string name)
    {
        var full = $"{module}.{name}";
        return full is Tensor1 or Tensor2 or Parameter or OrderedDict or Namespace or Size || Sets.Contains(full) || StorageType(full) is not null ? new(full) : null;
    }

    /// <summary>Type of the elements of a storage class such as <c>torch.FloatStorage</c>.</summary>
    public static torch.ScalarType? StorageType(string full) => full.StartsWith("torch.", StringComparison.Ordinal) ? ElementTypes.FromStorage(full[6..]) : null;

    /// <summary>What the call means as an inert value.</summary>
    /// <exception cref="PickleException">other arguments than torch writes</exception>
    public static object Call(PickleGlobal callee, PickleTuple arguments)
    {
        var given = arguments.Items;
        return callee.Name switch
        {
            Tensor1 or Tensor2 when given is [PickleStorage storage, long offset, PickleTuple shape, PickleTuple strides, ..] =>
                new PickleTensor(storage, offset, Numbers(shape), Numbers(strides)),
            Parameter when given is [PickleTensor tensor, ..] => tensor,
            OrderedDict when given is [] => new PickleDict(),
            OrderedDict when given is [PickleList pairs] => Pairs(pairs),
            Namespace when given is [] => new PickleDict { IsNamespace = true },
            Size when given is [PickleTuple sizes] => sizes,
            _ when Sets.Contains(callee.Name) && given is [PickleList items] => items,
            _ => throw new PickleException($"a call of {callee.Name} with {given.Length} arguments", "the arguments that torch writes"),
        };
    }

    static long[] Numbers(PickleTuple tuple)
    {
        if (tuple.Items.Length > TensorEntry.DimensionsMax)
            throw new PickleException($"a tensor of {tuple.Items.Length} dimensions", $"at most {TensorEntry.DimensionsMax}");
        var numbers = new long[tuple.Items.Length];
        for (var i = 0; i < numbers.Length; i++)
            numbers[i] = tuple.Items[i] as long? ?? throw new PickleException("a tensor whose shape holds no number", "whole numbers");
        return numbers;
    }

    static PickleDict Pairs(PickleList pairs)
    {
        var dict = new PickleDict();
        foreach (var pair in pairs)
            dict.Add(pair switch
            {
                PickleTuple { Items: [var key, var value] } => new(key, value),
                PickleList { Count: 2 } list => new(list[0], list[1]),
                _ => throw new PickleException("an OrderedDict of something else than pairs", "pairs of key and value"),
            });
        return dict;
    }
}

/// <summary>What is wrong with a pickle, before the file's name is known.</summary>
sealed class PickleException(string found, string expected) : Exception($"{found} found, {expected} expected")
{
    public string Found => found;

    public string Expected => expected;
}
