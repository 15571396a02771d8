using System.Globalization;
using Orchestrator.Learning.Llama;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Orchestrator.Learning.Adapters;

/// <summary>
/// LLaMA-Adapter, version 1 (arXiv 2303.16199): in each of the last L layers, K prompt slots that every token attends to, through a softmax of their own and a
/// gate <c>tanh(g)</c> that starts at zero, so that training begins at the base.
/// </summary>
/// <remarks>File: upstream's. <c>adapter_query.weight</c> [L K, D], and <c>layers.i.attention.gate</c> [1, H, 1, 1] of all N layers, zero where none is trained.</remarks>
public sealed class ZeroInitAttention : IAdapter, IPromptGradient
{
    const string QueryName = "adapter_query.weight";
    const double SharedGateSpreadMax = 1e-6;

    readonly LlamaConfig config;
    readonly int layers;
    readonly int length;
    readonly int gatesPerLayer;

    /// <param name="spec">layers, length, gate</param>
    /// <param name="config">the base's shapes</param>
    public ZeroInitAttention(AdapterSpec spec, LlamaConfig config)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(config);
        this.config = config;
        layers = spec.Layers ?? Math.Min(30, config.Layers);
        length = spec.Length;
        gatesPerLayer = spec.Gate == GateSharing.Shared ? 1 : config.Heads;
        if (layers < 1 || layers > config.Layers)
            throw new ProblemException("adapter.layers", $"{layers}", $"1 to {config.Layers}, the layers of the base");
        if (length < 1)
            throw new ProblemException("adapter.length", $"{length}", "at least 1");
        LowestTrainedLayer = config.Layers - layers;
        var adapted = Enumerable.Range(LowestTrainedLayer, layers).ToList();
        Layout = new ParameterLayout(
        [
            .. adapted.Select(layer => new Parameter($"layers.{layer}.adapter_query", [length, config.Dim], Decays: true, StartsAt.Normal)),
            .. adapted.Select(layer => new Parameter(GateName(layer), [1, gatesPerLayer, 1, 1], Decays: true, StartsAt.Zero)),
        ]);
    }

    /// <inheritdoc/>
    public ParameterLayout Layout { get; }

    /// <inheritdoc/>
    public int LowestTrainedLayer { get; }

    /// <inheritdoc/>
    public Prompt? Prompt(int layer, IReadOnlyList<Tensor> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        var adapted = layer - LowestTrainedLayer;
        return adapted < 0 ? null : new Prompt(parameters[adapted], parameters[layers + adapted].tanh().view(gatesPerLayer, 1, 1));
    }

    /// <inheritdoc/>
    public IPromptGradient? PromptGradient => this;

    /// <inheritdoc/>
    public int Slots(int layer) => layer < LowestTrainedLayer ? 0 : length;

    /// <inheritdoc/>
    public void Read(int layer, ReadOnlySpan<float> vector, Span<float> slots, Span<float> gates)
    {
        var adapted = layer - LowestTrainedLayer;
        vector.Slice(Layout.Offset(adapted), slots.Length).CopyTo(slots);
        var its = vector.Slice(Layout.Offset(layers + adapted), gatesPerLayer);
        for (var head = 0; head < gates.Length; head++)
            gates[head] = MathF.Tanh(its[head % gatesPerLayer]);
    }

    /// <inheritdoc/>
    /// <remarks><c>d tanh(g) = (1 - tanh²(g)) dg</c>; heads that share a gate add.</remarks>
    public void AddGradient(int layer, ReadOnlySpan<float> vector, ReadOnlySpan<float> slotGradients, ReadOnlySpan<float> gateGradients, Span<float> gradient)
    {
        var adapted = layer - LowestTrainedLayer;
        var slots = gradient.Slice(Layout.Offset(adapted), slotGradients.Length);
        TensorPrimitives.Add(slots, slotGradients, slots);
        var offset = Layout.Offset(layers + adapted);
        for (var head = 0; head < gateGradients.Length; head++)
        {
            var open = MathF.Tanh(vector[offset + head % gatesPerLayer]);
            gradient[offset + head % gatesPerLayer] += (1 - open * open) * gateGradients[head];
        }
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> FileSizes => new Dictionary<string, string>
    {
        ["layers"] = layers.ToString(CultureInfo.InvariantCulture),
        ["length"] = length.ToString(CultureInfo.InvariantCulture),
    };

    /// <inheritdoc/>
    public IEnumerable<(string Name, long[] Shape, ReadOnlyMemory<float> Values)> ToFile(ReadOnlyMemory<float> vector)
    {
        // The layers' prompts stand one behind another, as upstream's one tensor has them.
        yield return (QueryName, [(long)layers * length, config.Dim], vector[..Layout.Offset(layers)]);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var gate = new float[config.Heads];
            if (layer >= LowestTrainedLayer)
            {
                var trained = vector.Span.Slice(Layout.Offset(layers + layer - LowestTrainedLayer), gatesPerLayer);
                for (var head = 0; head < gate.Length; head++)
                    gate[head] = trained[head % gatesPerLayer];
            }
            yield return (GateName(layer), [1, config.Heads, 1, 1], gate);
        }
    }

    /// <inheritdoc/>
    public float[] FromFile(IReadOnlyDictionary<string, Tensor> tensors, string place)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var file = new NamedTensors(tensors, place);
        var vector = new float[Layout.Count];
        file.Read(QueryName, [(long)layers * length, config.Dim], $"adapter.layers {layers} times adapter.length {length} rows", vector.AsSpan(0, Layout.Offset(layers)));
        var gate = new float[config.Heads];
        for (var adapted = 0; adapted < layers; adapted++)
        {
            var name = GateName(LowestTrainedLayer + adapted);
            if (!file.Read(name, [1, config.Heads, 1, 1], "one gate per head", gate))
                continue;
            if (gatesPerLayer == 1 && gate.Max() - gate.Min() > SharedGateSpreadMax)
                file.Add(new Problem($"{place} {name}", $"gates that differ by {gate.Max() - gate.Min():g3}", "the same gate in every head", "adapter.gate: perHead keeps them apart"));
            gate.AsSpan(0, gatesPerLayer).CopyTo(vector.AsSpan(Layout.Offset(layers + adapted)));
        }
        file.ThrowIfAny();
        return vector;
    }

    /// <summary>The sizes of an adapter from its file alone: the adapted layers are those with a gate that is not zero, up to the last.</summary>
    /// <param name="tensors">by name, on the CPU</param>
    /// <param name="config">the base's shapes</param>
    /// <param name="place">what problems are said of: the file</param>
    /// <exception cref="ProblemException">it is no such adapter, fits another base, or does not tell: an untrained one, whose gates are all zero</exception>
    public static AdapterSpec SpecOf(IReadOnlyDictionary<string, Tensor> tensors, LlamaConfig config, string place)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        ArgumentNullException.ThrowIfNull(config);
        if (!tensors.TryGetValue(QueryName, out var query))
            throw new ProblemException(place, $"no {QueryName}", "the adapter of a LLaMA-Adapter");
        if (query.shape is not [var rows, var dim] || dim != config.Dim)
            throw new ProblemException($"{place} {QueryName}", $"[{string.Join(", ", query.shape)}]", $"[layers times length, {config.Dim}]", "an adapter belongs to the base it was trained on");
        using var scope = NewDisposeScope();
        var lowest = Enumerable.Range(0, config.Layers).FirstOrDefault(layer => tensors.TryGetValue(GateName(layer), out var gate) && gate.count_nonzero().item<long>() > 0, config.Layers);
        var adapted = config.Layers - lowest;
        if (adapted > 0 && rows % adapted == 0)
            return new AdapterSpec { Layers = adapted, Length = (int)(rows / adapted) };
        var fitting = Enumerable.Range(1, config.Layers).Where(layers => rows % layers == 0).Select(layers => $"{layers} and {rows / layers}");
        throw new ProblemException($"{place} {QueryName}", $"{rows} rows and {adapted} layers with a gate that is not zero", "rows in equal parts for these layers",
            $"say adapter.layers and adapter.length; {string.Join(", or ", fitting)} would fit");
    }

    static string GateName(int layer) => $"layers.{layer}.attention.gate";
}
