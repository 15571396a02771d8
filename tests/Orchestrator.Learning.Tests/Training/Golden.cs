using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Orchestrator.Harness;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Llama;
using Orchestrator.Protocol.Jobs;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Training;

/// <summary>A file of reference values: a base, an adapter at the start, examples, and what the original computed from them.</summary>
sealed class Golden : IDisposable
{
    readonly JsonElement header;
    readonly byte[] bytes;
    readonly int dataStart;
    readonly Dictionary<string, Tensor> made = [];

    public Golden(string name)
    {
        var path = Shared.Find($"reference/{name}.safetensors") ?? Shared.Find(name);
        Assert.SkipWhen(path is null, $"../shared/reference/{name}.safetensors is missing");
        bytes = File.ReadAllBytes(path!);
        dataStart = 8 + (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        header = JsonDocument.Parse(bytes.AsMemory(8, dataStart - 8)).RootElement;
    }

    public IEnumerable<string> Names => header.EnumerateObject().Select(entry => entry.Name).Where(name => name != "__metadata__");

    public string Setting(string name) => header.GetProperty("__metadata__").GetProperty(name).GetString()!;

    public double Number(string name) => double.Parse(Setting(name), CultureInfo.InvariantCulture);

    public long[] ShapeOf(string name) => [.. header.GetProperty(name).GetProperty("shape").EnumerateArray().Select(side => side.GetInt64())];

    public T[] Values<T>(string name) where T : unmanaged
    {
        var offsets = header.GetProperty(name).GetProperty("data_offsets");
        var (from, to) = (offsets[0].GetInt32(), offsets[1].GetInt32());
        return MemoryMarshal.Cast<byte, T>(bytes.AsSpan(dataStart + from, to - from)).ToArray();
    }

    /// <summary>An fp32 tensor; it lives as long as this.</summary>
    public Tensor Tensor(string name)
    {
        if (!made.TryGetValue(name, out var value))
            made.Add(name, value = tensor(Values<float>(name)).view(ShapeOf(name)).DetachFromDisposeScope());
        return value;
    }

    /// <summary>The tensors whose names begin so, without that beginning.</summary>
    public Dictionary<string, Tensor> Tensors(string prefix)
        => Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(name => name[prefix.Length..], Tensor);

    public LlamaConfig Config => new()
    {
        Dim = (int)Number("dim"),
        Layers = (int)Number("n_layers"),
        Heads = (int)Number("n_heads"),
        KeyValueHeads = (int)Number("n_heads"),
        HeadDim = (int)Number("dim") / (int)Number("n_heads"),
        Hidden = (int)ShapeOf("base.layers.0.feed_forward.w1.weight")[0],
        Vocabulary = (int)Number("vocab_size"),
        NormEpsilon = Number("norm_eps"),
    };

    public LlamaWeights Weights(ScalarType type = ScalarType.Float32)
        => LlamaWeights.Load(Config, (name, wanted) => Tensor("base." + name).to(wanted, copy: true), type, CPU);

    public AdapterSpec Adapter => new() { Layers = (int)Number("adapter_layer"), Length = (int)Number("adapter_len") };

    public TrainingSpec Training => new()
    {
        Betas = [.. Setting("betas").Split(',').Select(beta => double.Parse(beta, CultureInfo.InvariantCulture))],
        Epsilon = Number("adam_eps"),
        WeightDecay = Number("weight_decay"),
    };

    /// <summary>Some consecutive examples, packed one behind another without sharing; a label of 0 is unsupervised.</summary>
    public MicroBatch Batch(int first, int count, bool allRows = false)
    {
        var width = (int)ShapeOf("tokens")[1];
        var (tokens, labels, lengths) = (Values<long>("tokens"), Values<long>("labels"), Values<long>("lengths"));
        return Packed.Of([.. Enumerable.Range(first, count).Select(example => new Packed.Example(
            [.. tokens.Skip(example * width).Take((int)lengths[example]).Select(token => (int)token)],
            [.. labels.Skip(example * width).Take((int)lengths[example]).Select(label => allRows ? 1 : (int)label)]))], allRows);
    }

    public void Dispose()
    {
        foreach (var value in made.Values)
            value.Dispose();
    }
}
