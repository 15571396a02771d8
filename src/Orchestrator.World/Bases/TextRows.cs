using Orchestrator.Learning.Data;
using Orchestrator.World.Text;

namespace Orchestrator.World.Bases;

/// <summary>The chronicle as one long row of tokens (BOS, a document, EOS, BOS, the next), cut into rows of equal length.</summary>
public sealed class TextRows(Chronicle chronicle, Tokenizer tokenizer)
{
    /// <summary>Tokens of a row.</summary>
    public const int Length = 128;

    /// <summary>Rows of a step.</summary>
    public const int PerStep = 16;

    readonly List<int> waiting = [];
    long documents;

    /// <summary>The next step's rows; every token is supervised. A row attends to itself, over the ends of documents.</summary>
    public MicroBatch Next()
    {
        const int rows = PerStep * Length;
        while (waiting.Count <= rows)
        {
            waiting.Add(tokenizer.Bos);
            tokenizer.Append(chronicle.Document(documents++), waiting);
            waiting.Add(tokenizer.Eos);
        }
        var batch = new MicroBatch
        {
            Tokens = (int[])[.. waiting[..rows]],
            Labels = (int[])[.. waiting[1..(rows + 1)]],
            Positions = (int[])[.. Enumerable.Range(0, rows).Select(row => row % Length)],
            Segments = (Segment[])[.. Enumerable.Range(0, PerStep).Select(row => new Segment(row * Length, Length, Parent: -1))],
            SupervisedRows = (int[])[.. Enumerable.Range(0, rows)],
            Examples = PerStep,
        };
        waiting.RemoveRange(0, rows);
        return batch;
    }
}
