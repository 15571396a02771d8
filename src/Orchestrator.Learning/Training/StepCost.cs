using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Llama;
using Orchestrator.Protocol.Order;

namespace Orchestrator.Learning.Training;

/// <summary>What training costs, by the shapes of the base.</summary>
public static class StepCost
{
    /// <summary>
    /// Multiplications that a token adds to a step: in each layer those of its projections and of its attention, once more where a gradient goes back; above the last layer's
    /// keys and values only where it is supervised.
    /// </summary>
    public static TokenCost OfToken(LlamaConfig config, IAdapter method)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(method);
        long dim = config.Dim, queries = (long)config.Heads * config.HeadDim, keys = (long)config.KeyValueHeads * config.HeadDim;
        long upper = 2 * dim * queries + 3 * dim * config.Hidden, lower = 2 * dim * keys;
        long below = config.Layers - 1, trained = Math.Max(0, below - method.LowestTrainedLayer);      // layers below the last one; those among them that both passes go through
        return new TokenCost(
            Row: (below + trained) * (upper + lower) + 2 * lower,
            Supervised: 2 * (upper + dim * config.Vocabulary),
            Look: queries * (2 * below + 5 * trained));
    }
}
