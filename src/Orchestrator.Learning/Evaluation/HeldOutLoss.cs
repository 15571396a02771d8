using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Evaluation;

/// <summary>The loss on records that were not trained on.</summary>
/// <param name="Sum">sum of the token losses, in nats</param>
/// <param name="Tokens">supervised tokens that sums over</param>
public readonly record struct HeldOutLoss(double Sum, long Tokens)
{
    /// <summary>Nats per supervised token.</summary>
    public double Mean => Sum / Tokens;

    /// <summary><c>exp(mean loss)</c>.</summary>
    public double Perplexity => Math.Exp(Mean);

    /// <summary>The loss of a replica's present numbers, by its own kernels.</summary>
    public static HeldOutLoss Of(Replica replica, IEnumerable<MicroBatch> batches)
    {
        ArgumentNullException.ThrowIfNull(replica);
        ArgumentNullException.ThrowIfNull(batches);
        var total = default(HeldOutLoss);
        foreach (var batch in batches)
        {
            var loss = replica.Loss(batch);
            total = new HeldOutLoss(total.Sum + loss.LossSum, total.Tokens + loss.SupervisedTokens);
        }
        return total;
    }

    /// <summary>The loss of an adapter over micro-batches, summed in their order: a part of it can be computed elsewhere and added.</summary>
    public static HeldOutLoss Of(LlamaModel model, BoundAdapter adapter, IEnumerable<MicroBatch> batches)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batches);
        var total = default(HeldOutLoss);
        foreach (var batch in batches.Where(batch => batch.Supervised > 0))
        {
            using var scope = NewDisposeScope();
            using var unrecorded = no_grad();
            var rows = new PackedRows(batch);
            var loss = SupervisedLoss.Sum(model.Logits(rows, adapter), batch.Labels.Span).ToDouble();
            total = new HeldOutLoss(total.Sum + loss, total.Tokens + batch.Supervised);
        }
        return total;
    }
}
