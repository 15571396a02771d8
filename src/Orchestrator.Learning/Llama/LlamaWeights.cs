using Orchestrator.Learning.Training;
using Orchestrator.Protocol;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Llama;

/// <summary>
/// The frozen tensors of a base: loaded once per process and device, shared by every worker, evaluation and request on it, and never written to.
/// </summary>
public sealed class LlamaWeights : IDisposable
{
    readonly Tensor[] tensors;

    LlamaWeights(LlamaConfig config, WeightList list, Tensor[] tensors, ScalarType type, Device device)
    {
        Config = config;
        List = list;
        Type = type;
        Device = device;
        this.tensors = tensors;
    }

    /// <summary>The shapes.</summary>
    public LlamaConfig Config { get; }

    /// <summary>Names, shapes and order of the tensors.</summary>
    public WeightList List { get; }

    /// <summary>Type of the weights and of the products with them: fp32, bf16, fp16, or fp64 for tests.</summary>
    public ScalarType Type { get; }

    /// <summary>Type of the residual stream, norms, rotations, softmaxes and the loss: fp32, or fp64 where the weights are.</summary>
    public ScalarType WideType => WideTypeOf(Type);

    /// <summary>Where the tensors are.</summary>
    public Device Device { get; }

    /// <summary>Bytes of all tensors.</summary>
    public long Bytes => tensors.Sum(tensor => tensor.NumberOfElements * tensor.ElementSize);

    /// <summary>A tensor by its index in <see cref="List"/>; norms are in <see cref="WideType"/>, all else in <see cref="Type"/>.</summary>
    public Tensor this[int index] => tensors[index];

    /// <summary>Loads every tensor of <paramref name="config"/>'s shapes.</summary>
    /// <param name="config">the shapes, which each tensor is checked against</param>
    /// <param name="read">(Meta's name, wanted type) -> the tensor, on any device; it belongs to the weights from then on. May alias a mapped file.</param>
    /// <param name="type">type of the products</param>
    /// <param name="device">where they are computed</param>
    /// <exception cref="ProblemException">tensors have other shapes than the configuration says; all of them are named</exception>
    public static LlamaWeights Load(LlamaConfig config, Func<string, ScalarType, Tensor> read, ScalarType type, Device device)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(read);
        DeterministicTorch.PrepareProcess();
        CheckShapes(config);
        var list = new WeightList(config);
        var problems = new List<Problem>();
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        var tensors = new Tensor[list.Count];
        for (var i = 0; i < tensors.Length; i++)
        {
            var (name, shape) = list[i];
            var wanted = shape.Length == 1 ? WideTypeOf(type) : type;
            var tensor = tensors[i] = Placed(read(name, wanted), wanted, device);
            if (!tensor.shape.SequenceEqual(shape))
                problems.Add(new Problem(name, Text(tensor.shape), Text(shape), "the model's configuration and its weights do not belong together"));
        }
        if (problems.Count > 0)
            throw new ProblemException(problems);
        foreach (var tensor in tensors)
            tensor.DetachFromDisposeScope();
        return new LlamaWeights(config, list, tensors, type, device);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in tensors)
            tensor.Dispose();
    }

    static ScalarType WideTypeOf(ScalarType type) => type == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;

    static Tensor Placed(Tensor tensor, ScalarType type, Device device)
    {
        if (tensor.dtype == type && tensor.device_type == DeviceType.CPU && device.type == DeviceType.CPU && tensor.is_contiguous())
            return tensor;      // as it was read: it may be a mapped file
        using (tensor)
            return tensor.to(type, device).contiguous();
    }

    static void CheckShapes(LlamaConfig config)
    {
        var problems = new List<Problem>();
        if (config.KeyValueHeads < 1 || config.Heads % config.KeyValueHeads != 0)
            problems.Add(new Problem("n_kv_heads", $"{config.KeyValueHeads}", $"a divisor of the {config.Heads} heads"));
        if (config.HeadDim < 2 || config.HeadDim % 2 != 0)
            problems.Add(new Problem("head_dim", $"{config.HeadDim}", "an even number, since a rotation turns pairs"));
        if (problems.Count > 0)
            throw new ProblemException(problems);
    }

    static string Text(long[] shape) => $"[{string.Join(", ", shape)}]";
}
