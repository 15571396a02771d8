using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Files;
using Orchestrator.Learning.Training;
using TorchSharp;

namespace Orchestrator.Engine;

/// <summary>
/// The adapter that a job starts from. What its file holds under names of the method but is not trained (the gates of layers that are not adapted) goes into the result as it was, as the original
/// does it.
/// </summary>
sealed class StartAdapter
{
    readonly Dictionary<string, float[]> untrained = [];

    /// <summary>The trained numbers, in the layout's order.</summary>
    public required float[] Vector { get; init; }

    /// <summary>Nothing to start from.</summary>
    public static StartAdapter None { get; } = new() { Vector = [] };

    /// <summary>Reads the adapter of a spec's <c>adapter.init</c>.</summary>
    /// <exception cref="Protocol.ProblemException">it cannot be read, or does not fit the method</exception>
    public static StartAdapter Read(string path, IAdapter method, int heads)
    {
        using var file = AdapterFile.Read(path, heads);
        var start = new StartAdapter { Vector = method.FromFile(file.Tensors, path) };
        foreach (var (name, shape) in Untrained(method))
        {
            if (file.Tensors.TryGetValue(name, out var tensor) && tensor.shape.AsSpan().SequenceEqual(shape))
                start.untrained.Add(name, tensor.to(torch.CPU).contiguous().data<float>().ToArray());
        }
        return start;
    }

    /// <summary>Puts a replica at step 0 to these numbers; without any it stays at the method's own start values.</summary>
    public void Begin(Replica replica)
    {
        if (Vector.Length == 0)
            return;
        var state = new ReplicaState(replica.Layout.Count);
        Vector.CopyTo(state.Parameters, 0);
        replica.Import(state);
    }

    // What the file of one vector says as well as that of any other does not follow from the vector.
    static IEnumerable<(string Name, long[] Shape)> Untrained(IAdapter method)
    {
        var (zeros, ones) = (new float[method.Layout.Count], new float[method.Layout.Count]);
        Array.Fill(ones, 1);
        return method.ToFile(zeros).Zip(method.ToFile(ones)).Where(pair => pair.First.Values.Span.SequenceEqual(pair.Second.Values.Span)).Select(pair => (pair.First.Name, pair.First.Shape));
    }

    /// <summary>The tensors of the method's file, those that are not trained as they were at the start.</summary>
    public IEnumerable<SafeTensor> ToFile(IAdapter method, ReadOnlyMemory<float> parameters)
        => method.ToFile(parameters).Select(tensor => new SafeTensor(tensor.Name, tensor.Shape, untrained.TryGetValue(tensor.Name, out var kept) ? kept : tensor.Values));
}
