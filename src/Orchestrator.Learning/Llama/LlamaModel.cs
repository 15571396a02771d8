using Orchestrator.Learning.Adapters;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Llama;

/// <summary>
/// LLaMA's forward pass over rows (arXiv 2302.13971), with the points where a method may act. The weights are shared; a model belongs to one thread.
/// </summary>
/// <param name="weights">the frozen base, which outlives the model</param>
public sealed class LlamaModel(LlamaWeights weights) : IDisposable
{
    readonly LlamaConfig config = weights.Config;
    readonly WeightList list = weights.List;
    readonly RotaryEmbedding rotary = new(weights.Config, weights.WideType, weights.Device);

    /// <summary>The frozen base.</summary>
    public LlamaWeights Weights => weights;

    /// <summary>The next token's logits at the wanted rows.</summary>
    /// <param name="rows">tokens, positions, and what attends to what</param>
    /// <param name="adapter">what acts on the base; <see cref="BoundAdapter.None"/> leaves it as it is</param>
    /// <param name="prompts">per layer, prompts that <see cref="PromptAt"/> gave before, or null to compute them now</param>
    /// <returns>[wanted, V], wide; the caller owns it</returns>
    public Tensor Logits(IRows rows, BoundAdapter adapter, IReadOnlyList<AttendedPrompt?>? prompts = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(adapter);
        using var scope = NewDisposeScope();
        var turns = rotary.TurnsOf(rows.Positions, rows.PositionsEnd);
        var x = Embedded(rows.Tokens, adapter);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            using var below = x;
            using var unrecorded = layer < adapter.LowestTrainedLayer ? no_grad() : null;
            x = Block(layer, below, rows, turns, adapter, prompts);
        }
        var n = RmsNorm.Of(x, adapter.Weight(weights, list.Norm), config.NormEpsilon).to(weights.Type);
        return Linear(n, adapter.Weight(weights, list.Output)).to(weights.WideType).MoveToOuterDisposeScope();
    }

    /// <summary>A layer's prompt through the frozen projections, or null where the method has none.</summary>
    public AttendedPrompt? PromptAt(int layer, BoundAdapter adapter)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        using var scope = NewDisposeScope();
        if (adapter.Prompt(layer) is not { } prompt)
            return null;
        var slots = prompt.Slots.to(weights.Type);                                              // [K, D]
        return new AttendedPrompt(Heads(LayerWeight.Wk), Heads(LayerWeight.Wv), prompt.Gate.alias().MoveToOuterDisposeScope());

        Tensor Heads(LayerWeight which)                                                         // [Hkv, K, d]
            => Linear(slots, adapter.Weight(weights, WeightList.Of(layer, which))).view(-1, config.KeyValueHeads, config.HeadDim).transpose(0, 1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => rotary.Dispose();

    Tensor Embedded(Tensor tokens, BoundAdapter adapter)
    {
        using var scope = NewDisposeScope();
        var embedding = adapter.Weight(weights, WeightList.Embedding);
        // Both are the same rows; each one's backward adds in a fixed order on its device only.
        var x = weights.Device.type == DeviceType.CUDA ? embedding.index(tokens.to(int64)) : embedding.index_select(0, tokens);
        return x.to(weights.WideType).MoveToOuterDisposeScope();                                // [rows, D]
    }

    Tensor Block(int layer, Tensor x, IRows rows, Tensor turns, BoundAdapter adapter, IReadOnlyList<AttendedPrompt?>? prompts)
    {
        using var scope = NewDisposeScope();
        var n = Norm(x, LayerWeight.AttentionNorm);
        var k = rotary.Turned(Heads(n, LayerWeight.Wk, config.KeyValueHeads), turns).transpose(0, 1);        // [Hkv, rows, d]
        var v = Heads(n, LayerWeight.Wv, config.KeyValueHeads).transpose(0, 1);
        var wantedOnly = layer == config.Layers - 1 && rows.Wanted is not null;                 // above the last keys and values, only wanted rows count
        if (wantedOnly)
            (x, n, turns) = (x.index_select(0, rows.Wanted!), n.index_select(0, rows.Wanted!), turns.index_select(0, rows.Wanted!));
        var q = rotary.Turned(Heads(n, LayerWeight.Wq, config.Heads), turns).transpose(0, 1);   // [H, rows or wanted, d]
        var attended = rows.Attend(layer, q, k, v, wantedOnly);
        if ((prompts is null ? PromptAt(layer, adapter) : prompts[layer]) is { } prompt)
            attended = attended + Attention.Prompted(q, prompt);
        x = x + Through(attended.transpose(0, 1).flatten(1), LayerWeight.Wo);
        n = Norm(x, LayerWeight.FfnNorm);
        var hidden = Through(n, LayerWeight.W1).silu() * Through(n, LayerWeight.W3);            // [rows or wanted, F]
        return (x + Through(hidden, LayerWeight.W2)).MoveToOuterDisposeScope();

        Tensor Through(Tensor input, LayerWeight which) => Linear(input, adapter.Weight(weights, WeightList.Of(layer, which)));
        Tensor Heads(Tensor input, LayerWeight which, int heads) => Through(input, which).view(-1, heads, config.HeadDim);
        Tensor Norm(Tensor input, LayerWeight which)
            => RmsNorm.Of(input, adapter.Weight(weights, WeightList.Of(layer, which)), config.NormEpsilon).to(weights.Type);
    }

    static Tensor Linear(Tensor x, Tensor weight) => nn.functional.linear(x, weight);
}
