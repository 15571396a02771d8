using Orchestrator.Learning.Adapters;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Llama;

/// <summary>
/// LLaMA's forward pass over rows (arXiv 2302.13971), with the points where a method may act. The weights are shared; a model belongs to one thread.
/// </summary>
public sealed class LlamaModel : IDisposable
{
    readonly LlamaWeights weights;
    readonly RotaryEmbedding rotary;
    // Filled anew for each pass.
    readonly Tensor[] multiplied;           // the weights, or what stands in for them, in the list's order
    readonly Tensor[] prompts;              // slots and gate of each layer
    readonly object[] arguments;

    readonly Tensor nothing = empty(0).DetachFromDisposeScope();
    readonly Tensor epsilon;

    /// <param name="weights">the frozen base, which outlives the model</param>
    public LlamaModel(LlamaWeights weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        this.weights = weights;
        var config = weights.Config;
        rotary = new RotaryEmbedding(config, weights.WideType, weights.Device);
        epsilon = tensor(config.NormEpsilon, ScalarType.Float64).DetachFromDisposeScope();
        multiplied = new Tensor[weights.List.Count];
        prompts = new Tensor[2 * config.Layers];
        arguments = new object[13];
        arguments[3] = multiplied;
        arguments[7] = config.Layers;
        arguments[8] = config.Heads;
        arguments[9] = config.KeyValueHeads;
        arguments[10] = weights.List.Norm;
        arguments[11] = weights.List.Output;
        arguments[12] = epsilon;
    }

    /// <summary>The frozen base.</summary>
    public LlamaWeights Weights => weights;

    /// <summary>The next token's logits at the wanted rows.</summary>
    /// <param name="rows">tokens, positions, and what attends to what</param>
    /// <param name="adapter">what acts on the base; <see cref="BoundAdapter.None"/> leaves it as it is</param>
    /// <param name="projected">what <see cref="Projected"/> gave for the same adapter, or null to compute it now</param>
    /// <returns>[wanted, V], wide; the caller owns it</returns>
    public Tensor Logits(Rows rows, BoundAdapter adapter, Tensor[]? projected = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(adapter);
        using var scope = NewDisposeScope();
        Bind(adapter, withPrompts: projected is null);
        arguments[0] = rows.Numbers;
        arguments[1] = rows.Cache;
        arguments[2] = rotary.Table(rows.PositionsEnd);
        arguments[4] = projected ?? prompts;
        arguments[5] = projected is not null;
        arguments[6] = adapter.LowestTrainedLayer;
        return LlamaScript.Call("logits", arguments).MoveToOuterDisposeScope();
    }

    /// <summary>The prompts through the frozen projections, for passes that share them.</summary>
    /// <param name="adapter">what acts on the base</param>
    /// <returns>of each layer keys [Hkv, K, d], values [Hkv, K, d] and gate, all of them empty where there is no prompt; the caller owns them</returns>
    public Tensor[] Projected(BoundAdapter adapter)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        using var scope = NewDisposeScope();
        Bind(adapter, withPrompts: true);
        var projected = LlamaScript.CallForList("projected", prompts, multiplied, weights.Config.KeyValueHeads);
        foreach (var part in projected)
            part.MoveToOuterDisposeScope();
        return projected;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        rotary.Dispose();
        nothing.Dispose();
        epsilon.Dispose();
    }

    // What the method makes for this pass belongs to the open dispose scope.
    void Bind(BoundAdapter adapter, bool withPrompts)
    {
        for (var i = 0; i < multiplied.Length; i++)
            multiplied[i] = adapter.Weight(weights, i);
        if (!withPrompts)
            return;
        for (var layer = 0; layer < weights.Config.Layers; layer++)
        {
            var prompt = adapter.Prompt(layer);
            prompts[2 * layer] = prompt?.Slots ?? nothing;
            prompts[2 * layer + 1] = prompt?.Gate ?? nothing;
        }
    }
}
