using System.Runtime.InteropServices;
using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Adapters;

/// <summary>A method with the tensors of its parameters: what the forward pass asks at its points.</summary>
public sealed class BoundAdapter : IDisposable
{
    readonly IAdapter? method;
    readonly Tensor[] parameters;

    BoundAdapter(IAdapter? method, Tensor[] parameters)
    {
        this.method = method;
        this.parameters = parameters;
    }

    /// <summary>Nothing acts: the bare base.</summary>
    public static BoundAdapter None { get; } = new(null, []);

    /// <summary>The parameters, in the layout's order.</summary>
    public IReadOnlyList<Tensor> Parameters => parameters;

    /// <summary>The lowest layer where the method acts; above all for the bare base.</summary>
    public int LowestTrainedLayer => method?.LowestTrainedLayer ?? int.MaxValue;

    /// <summary>The method with some numbers that stay: for evaluation and generation.</summary>
    /// <param name="method">the method</param>
    /// <param name="weights">the base it acts on</param>
    /// <param name="numbers">[Layout.Count], copied</param>
    public static BoundAdapter Of(IAdapter method, LlamaWeights weights, ReadOnlySpan<float> numbers)
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentOutOfRangeException.ThrowIfNotEqual(numbers.Length, method.Layout.Count);
        using var vector = zeros(numbers.Length, dtype: ScalarType.Float32);
        numbers.CopyTo(MemoryMarshal.Cast<byte, float>(vector.bytes));
        return Over(method, weights, vector, trained: false);
    }

    /// <summary>
    /// Makes the parameters leaf tensors that share the memory of <paramref name="vector"/> where that is in the model's wide type and on its device, and
    /// copies otherwise; <see cref="Refresh"/> follows a vector that has changed.
    /// </summary>
    /// <param name="method">the method</param>
    /// <param name="weights">the base it acts on</param>
    /// <param name="vector">[Layout.Count] fp32 on the CPU</param>
    /// <param name="trained">whether gradients are asked for</param>
    public static BoundAdapter Over(IAdapter method, LlamaWeights weights, Tensor vector, bool trained)
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(vector);
        using var scope = NewDisposeScope();
        var parameters = new Tensor[method.Layout.Parameters];
        for (var i = 0; i < parameters.Length; i++)
        {
            // Detached views are leaves: autograd never sees the slice, whose backward would fill a whole vector with zeros for each parameter.
            parameters[i] = PartOf(vector, method.Layout, i).detach().to(weights.WideType, weights.Device).requires_grad_(trained).DetachFromDisposeScope();
        }
        return new BoundAdapter(method, parameters);
    }

    /// <summary>Copies a changed vector into parameters that do not share its memory.</summary>
    public void Refresh(Tensor vector)
    {
        if (method is null || parameters.Length == 0 || SharesMemory(vector))
            return;
        using var scope = NewDisposeScope();
        using var unrecorded = no_grad();
        for (var i = 0; i < parameters.Length; i++)
            parameters[i].copy_(PartOf(vector, method.Layout, i));
    }

    /// <summary>The gradient of a loss that was computed with these parameters; what was recorded for it is gone afterwards.</summary>
    /// <param name="loss">a scalar that depends on every parameter</param>
    /// <returns>[Layout.Count] fp32 on the CPU; the caller owns it</returns>
    public Tensor GradientOf(Tensor loss) => LlamaScript.Call("gradient", loss, parameters);

    /// <summary>A layer's prompt, or null; its tensors belong to the open dispose scope.</summary>
    public Prompt? Prompt(int layer) => method?.Prompt(layer, parameters);

    /// <summary>The tensor that the forward pass multiplies with: the base's, or what stands in for it.</summary>
    public Tensor Weight(LlamaWeights weights, int index)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return method is null ? weights[index] : method.Weight(index, weights[index], parameters);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var parameter in parameters)
            parameter.Dispose();
    }

    bool SharesMemory(Tensor vector) => parameters[0].dtype == vector.dtype && parameters[0].device_type == vector.device_type;

    static Tensor PartOf(Tensor vector, ParameterLayout layout, int index) => vector.narrow(0, layout.Offset(index), layout.Length(index)).view(layout[index].Shape);
}
