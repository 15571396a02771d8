using System.Runtime.InteropServices;
using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Adapters;

/// <summary>Every weight is trained, from the base's own values, in fp32 beside a base of any type: Stanford Alpaca's way. For small models.</summary>
/// <remarks>File: the whole model under Meta's names. Norms, being one-dimensional, don't decay.</remarks>
public sealed class FullFineTuning : IAdapter
{
    readonly WeightList list;

    /// <param name="config">the base's shapes</param>
    public FullFineTuning(LlamaConfig config)
    {
        list = new WeightList(config);
        Layout = new ParameterLayout([.. Enumerable.Range(0, list.Count).Select(index =>
            new Parameter(list[index].Name, list[index].Shape, Decays: list[index].Shape.Length > 1, (weights, _, _, values) => Copy(weights[index], values)))]);
    }

    /// <inheritdoc/>
    public ParameterLayout Layout { get; }

    /// <inheritdoc/>
    public int LowestTrainedLayer => 0;

    /// <inheritdoc/>
    public Tensor Weight(int index, Tensor frozen, IReadOnlyList<Tensor> parameters)
    {
        ArgumentNullException.ThrowIfNull(frozen);
        ArgumentNullException.ThrowIfNull(parameters);
        return parameters[index].dtype == frozen.dtype ? parameters[index] : parameters[index].to(frozen.dtype);
    }

    /// <inheritdoc/>
    public IEnumerable<(string Name, long[] Shape, ReadOnlyMemory<float> Values)> ToFile(ReadOnlyMemory<float> vector)
    {
        for (var i = 0; i < list.Count; i++)
            yield return (list[i].Name, list[i].Shape, vector.Slice(Layout.Offset(i), Layout.Length(i)));
    }

    /// <inheritdoc/>
    public float[] FromFile(IReadOnlyDictionary<string, Tensor> tensors, string place)
    {
        var file = new NamedTensors(tensors, place);
        var vector = new float[Layout.Count];
        for (var i = 0; i < list.Count; i++)
            file.Read(list[i].Name, list[i].Shape, "as the base has it", vector.AsSpan(Layout.Offset(i), Layout.Length(i)));
        file.ThrowIfAny();
        return vector;
    }

    static void Copy(Tensor weight, Span<float> values)
    {
        using var scope = NewDisposeScope();
        MemoryMarshal.Cast<byte, float>(weight.to(ScalarType.Float32, CPU).contiguous().bytes).CopyTo(values);
    }
}
