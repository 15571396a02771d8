using System.Text;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Ledger;

namespace Orchestrator.Engine.Auditing;

/// <summary>A run's <c>ledger.jsonl</c> as it stands on disk, read as far as its chain holds.</summary>
/// <param name="Head">what the result is a function of; null where even the first line is damaged</param>
/// <param name="Lines">the lines that follow from it, of step 1, 2, …</param>
/// <param name="Break">where the chain ends before the file does; null if nowhere</param>
public sealed record RunLedger(LedgerHead? Head, IReadOnlyList<LedgerLine> Lines, Problem? Break)
{
    /// <summary>Reads the ledger of a run. Damage is no exception here: it is what <see cref="Break"/> says.</summary>
    /// <exception cref="ProblemException">there is none, or it cannot be read</exception>
    public static RunLedger Read(RunFolder run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var rows = RowsOf(run.Ledger);
        LedgerHead? head = null;
        var lines = new List<LedgerLine>();
        var chain = LedgerChain.Start;
        for (var i = 0; i < rows.Length; i++)
        {
            var place = $"{run.Ledger}:{i + 1}";
            try
            {
                if (i == rows.Length - 1)
                {
                    return new RunLedger(head, lines, rows[i].Length == 0 ? null
                        : new Problem(place, "a line without an end", "a whole line", "a crash leaves half a line behind; train --resume cuts it off and goes on"));
                }
                if (head is null)
                {
                    (head, chain) = LedgerChain.ReadHead(rows[i], place);
                    continue;
                }
                (var line, chain) = LedgerChain.ReadLine(chain, rows[i], place);
                if (line.Step != lines.Count + 1)
                    return new RunLedger(head, lines, new Problem(place, $"step {line.Step}", $"step {lines.Count + 1}"));
                lines.Add(line);
            }
            catch (ProblemException damage)
            {
                return new RunLedger(head, lines, damage.Problems[0]);
            }
        }
        return new RunLedger(head, lines, Break: null);
    }

    // The last row is what follows the last line's end: nothing, in a whole file.
    static string[] RowsOf(string path)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes(path)).Split('\n');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(path, e.Message, "the ledger of a run", "name the folder that train wrote");
        }
    }
}
