using Orchestrator.Learning.Data;
using Spectre.Console;

namespace Orchestrator.Cli;

/// <summary>A record for people: its tokens with what is supervised told apart, by colour on a terminal and by brackets elsewhere.</summary>
static class RecordView
{
    /// <summary>Writes one record.</summary>
    public static void Write(InspectedRecord record, Output output)
    {
        output.Line();
        output.Line(FormattableString.Invariant($"record {record.Number}: {record.Tokens.Count} tokens, {record.Supervised} supervised"));
        if (record.Prompt is null)
        {
            output.Line($"  tokens {string.Join(' ', record.Tokens)}");
            output.Line($"  labels {string.Join(' ', record.Labels)}");
            return;
        }
        if (output.OutIsTerminal)
            output.Styled(Pieces(record, (piece, isSupervised) => isSupervised ? $"[green]{Markup.Escape(piece)}[/]" : $"[grey]{Markup.Escape(piece)}[/]"));
        else
            output.Line(Pieces(record, (piece, isSupervised) => isSupervised ? $"[{piece}]" : piece));
    }

    static string Pieces(InspectedRecord record, Func<string, bool, string> shown)
        => string.Join(' ', record.Pieces.Select((piece, i) => shown(piece, i > 0 && record.Labels[i] != Example.Unsupervised)));
}
