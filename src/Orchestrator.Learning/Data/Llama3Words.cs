using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace Orchestrator.Learning.Data;

/// <summary>
/// Cuts text into the words within which Llama 3 merges bytes, by the pattern
/// <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>, the first
/// alternative that fits. By hand and not by .NET's <c>Regex</c>, whose classes see UTF-16 units: letters beyond U+FFFF would count as symbols.
/// </summary>
internal sealed class Llama3Words : PreTokenizer
{
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => PreTokenize(text.AsSpan());

    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var words = new List<(int Offset, int Length)>();
        for (var at = 0; at < text.Length;)
        {
            var length = FirstWord(text[at..]);
            words.Add((at, length));
            at += length;
        }
        return words;
    }

    static int FirstWord(ReadOnlySpan<char> text)
    {
        if (Contraction(text) is var contraction and > 0)
            return contraction;
        var (kind, first) = At(text, 0);
        if (kind == Kind.Letter)
            return Run(text, 0, Kind.Letter, int.MaxValue);
        if (kind is Kind.Space or Kind.Symbol && At(text, first).Kind == Kind.Letter)
            return Run(text, first, Kind.Letter, int.MaxValue);
        if (kind == Kind.Number)
            return Run(text, 0, Kind.Number, 3);
        var symbols = text[0] == ' ' ? 1 : 0;
        if (At(text, symbols).Kind == Kind.Symbol)
            return Run(text, Run(text, symbols, Kind.Symbol, int.MaxValue), Kind.LineEnd, int.MaxValue);
        return WhiteSpace(text);
    }

    static int Contraction(ReadOnlySpan<char> text)
    {
        if (text.Length < 2 || text[0] != '\'')
            return 0;
        var second = Lower(text[1]);
        if (second is 's' or 't' or 'm' or 'd')
            return 2;
        var third = text.Length > 2 ? Lower(text[2]) : '\0';
        return (second, third) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }

    /// <summary>Unicode's simple case folding, of the letters asked for here: U+017F is an s as well.</summary>
    static char Lower(char c) => c == '\u017F' ? 's' : char.ToLowerInvariant(c);

    /// <summary>Up to the last line end; else all of it, but for the last one where a word follows, which takes that one with it.</summary>
    static int WhiteSpace(ReadOnlySpan<char> text)
    {
        var (end, lineEnd, last) = (0, 0, 0);
        while (end < text.Length && At(text, end) is { Kind: Kind.Space or Kind.LineEnd } one)
        {
            last = end;
            end += one.Length;
            if (one.Kind == Kind.LineEnd)
                lineEnd = end;
        }
        if (lineEnd > 0)
            return lineEnd;
        return end < text.Length && last > 0 ? last : end;
    }

    static int Run(ReadOnlySpan<char> text, int from, Kind kind, int countMax)
    {
        while (countMax-- > 0 && At(text, from) is var (next, length) && next == kind)
            from += length;
        return from;
    }

    enum Kind
    {
        End,
        Letter,
        Number,
        LineEnd,
        Space,
        Symbol,
    }

    static (Kind Kind, int Length) At(ReadOnlySpan<char> text, int at)
    {
        if (at >= text.Length)
            return (Kind.End, 0);
        Rune.DecodeFromUtf16(text[at..], out var rune, out var length);
        var kind = Rune.GetUnicodeCategory(rune) switch
        {
            <= UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ when rune.Value is '\r' or '\n' => Kind.LineEnd,
            _ when Rune.IsWhiteSpace(rune) => Kind.Space,
            _ => Kind.Symbol,
        };
        return (kind, length);
    }
}
