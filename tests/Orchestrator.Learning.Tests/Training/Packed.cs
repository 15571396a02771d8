using Orchestrator.Learning.Data;

namespace Orchestrator.Learning.Tests.Training;

/// <summary>The plainest packing: examples one behind another, nothing shared.</summary>
static class Packed
{
    /// <param name="Tokens">the whole example</param>
    /// <param name="Labels">the token itself where it is supervised, 0 where not</param>
    public sealed record Example(int[] Tokens, int[] Labels);

    public static MicroBatch Of(IReadOnlyList<Example> examples, bool lastRowToo = false)
    {
        List<int> tokens = [], positions = [], rows = [], labels = [];
        List<Segment> segments = [];
        foreach (var example in examples)
        {
            var inputs = example.Tokens.Length - (lastRowToo ? 0 : 1);       // the last token is predicted, never read
            segments.Add(new Segment(tokens.Count, inputs, -1));
            for (var t = 0; t < inputs; t++)
            {
                var next = lastRowToo ? 1 : example.Labels[t + 1];
                if (next != 0)
                {
                    rows.Add(tokens.Count);
                    labels.Add(next);
                }
                tokens.Add(example.Tokens[t]);
                positions.Add(t);
            }
        }
        return new MicroBatch
        {
            Tokens = (int[])[.. tokens],
            Positions = (int[])[.. positions],
            Segments = (Segment[])[.. segments],
            SupervisedRows = (int[])[.. rows],
            Labels = (int[])[.. labels],
            Examples = examples.Count,
        };
    }
}
