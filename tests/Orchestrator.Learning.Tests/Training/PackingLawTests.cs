using CsCheck;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Jobs;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Training;

/// <summary>A packed micro-batch is its examples one by one, whatever they share.</summary>
public class PackingLawTests
{
    // Segments as (parent or beginning, tokens); a segment's supervised rows are those whose bit is set. Only leaves carry labels, as a packer would have it.
    internal static readonly Gen<MicroBatch> Trees =
        from segments in Gen.Select(Gen.Int[-2, 5], Gen.Int[0, 18].Array[1, 6], Gen.UInt).Array[1, 6]
        select Tree(segments);

    [Theory]
    [InlineData("llama-adapter", false, GateSharing.PerHead)]
    [InlineData("llama-adapter", true, GateSharing.PerHead)]
    [InlineData("llama-adapter", true, GateSharing.Shared)]
    [InlineData("full", false, GateSharing.PerHead)]
    [InlineData("full", true, GateSharing.PerHead)]
    public void The_gradient_of_a_packed_micro_batch_is_the_sum_of_its_examples_one_by_one(string name, bool grouped, GateSharing gate)
    {
        var config = grouped ? RandomModels.Grouped : RandomModels.Tiny;
        using var weights = RandomModels.Weights(config, ScalarType.Float64);
        using var model = new LlamaModel(weights);
        var method = RandomModels.Method(name, config, gate);
        using var adapter = RandomModels.Bound(method, weights, RandomModels.Vector(method, weights));

        Trees.Sample(batch =>
        {
            using var scope = NewDisposeScope();
            var (packedLoss, packed) = Gradient(batch);
            var sum = zeros_like(packed);
            var loss = 0.0;
            foreach (var (exampleLoss, example) in OneByOne(batch).Select(Gradient))
            {
                loss += exampleLoss;
                sum.add_(example);
            }
            Close.Within(1e-12, Math.Abs(packedLoss - loss) / loss, "loss");
            Close.Within(1e-11, Close.Error(sum, packed), "gradient");
        }, iter: 40, threads: 1);

        (double Loss, Tensor Gradient) Gradient(MicroBatch batch)
        {
            var rows = new PackedRows(batch);
            var loss = SupervisedLoss.Sum(model.Logits(rows, adapter), batch.Labels.ToArray());
            return (loss.ToDouble(), cat([.. autograd.grad([loss], [.. adapter.Parameters]).Select(part => part.flatten())]));
        }
    }

    static MicroBatch Tree((int Parent, int[] Tokens, uint Supervised)[] drawn)
    {
        List<int> tokens = [], positions = [], rows = [], labels = [];
        List<Segment> segments = [];
        var ends = new List<int>();
        var parents = drawn.Select((segment, index) => index == 0 ? -1 : Math.Min(segment.Parent, index - 1)).Select(parent => Math.Max(parent, -1)).ToArray();
        for (var s = 0; s < drawn.Length; s++)
        {
            var begin = parents[s] < 0 ? 0 : ends[parents[s]];
            var leaf = !parents.Contains(s);
            segments.Add(new Segment(tokens.Count, drawn[s].Tokens.Length, parents[s]));
            for (var t = 0; t < drawn[s].Tokens.Length; t++)
            {
                if (leaf && ((drawn[s].Supervised >> t & 1) == 1 || s == drawn.Length - 1 && t == 0))
                {
                    rows.Add(tokens.Count);
                    labels.Add((drawn[s].Tokens[t] * 7 + t) % 19);
                }
                tokens.Add(drawn[s].Tokens[t]);
                positions.Add(begin + t);
            }
            ends.Add(begin + drawn[s].Tokens.Length);
        }
        return new MicroBatch
        {
            Tokens = (int[])[.. tokens],
            Positions = (int[])[.. positions],
            Segments = (Segment[])[.. segments],
            SupervisedRows = (int[])[.. rows],
            Labels = (int[])[.. labels],
            Examples = drawn.Length,
        };
    }

    // Each leaf with its ancestors as an example of its own, a single segment.
    static IEnumerable<MicroBatch> OneByOne(MicroBatch batch)
    {
        for (var leaf = 0; leaf < batch.Segments.Length; leaf++)
        {
            var own = batch.Segments.ToArray()[leaf];
            var supervised = Enumerable.Range(0, batch.Supervised).Where(i => own.Start <= batch.SupervisedRows.ToArray()[i] && batch.SupervisedRows.ToArray()[i] < own.Start + own.Length).ToList();
            if (supervised.Count == 0)
                continue;
            var rows = Enumerable.Range(own.Start, own.Length).ToList();
            for (var at = own.Parent; at >= 0; at = batch.Segments.ToArray()[at].Parent)
                rows.InsertRange(0, Enumerable.Range(batch.Segments.ToArray()[at].Start, batch.Segments.ToArray()[at].Length));
            yield return new MicroBatch
            {
                Tokens = (int[])[.. rows.Select(row => batch.Tokens.ToArray()[row])],
                Positions = (int[])[.. Enumerable.Range(0, rows.Count)],
                Segments = (Segment[])[new Segment(0, rows.Count, -1)],
                SupervisedRows = (int[])[.. supervised.Select(i => rows.IndexOf(batch.SupervisedRows.ToArray()[i]))],
                Labels = (int[])[.. supervised.Select(i => batch.Labels.ToArray()[i])],
                Examples = 1,
            };
        }
    }
}
