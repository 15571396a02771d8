using System.Collections.Concurrent;
using System.Text;

namespace Orchestrator.Learning.Data;

/// <summary>
/// SentencePiece BPE, as LLaMA 1 and 2 use it. Own code and not Microsoft.ML.Tokenizers' <c>LlamaTokenizer</c>, because that one (2.0.1) merges
/// equal pairs from the right (<c>###</c> becomes <c>#</c> <c>##</c>), SentencePiece from the left (<c>##</c> <c>#</c>): other token numbers in
/// every Alpaca prompt.
/// </summary>
internal sealed class SentencePieceTokenizer : Tokenizer
{
    const char Space = '\u2581';

    /// <summary>Remembered words per thread, a few MB; a table that is full is begun anew.</summary>
    const int WordsMax = 1 << 15;

    /// <summary>Longer words (white-space-free scripts, base64) seldom come twice.</summary>
    const int WordCharsMax = 32;

    readonly SentencePieceModel model;
    readonly byte[][] utf8;
    readonly BytePairMerges merges;
    readonly ConcurrentBag<Words> idle = [];
    readonly bool wordsStandAlone;

    public SentencePieceTokenizer(SentencePieceModel model, string digest)
        : base(digest)
    {
        this.model = model;
        merges = new BytePairMerges(model.Pieces);
        utf8 = [.. model.Pieces.Select((piece, i) => piece.Kind switch
        {
            PieceKind.Control => [],
            PieceKind.Unknown => Encoding.UTF8.GetBytes(model.UnknownSurface),
            PieceKind.Byte => [(byte)Array.IndexOf(model.BytePieces, i)],
            _ => Encoding.UTF8.GetBytes(piece.Text.Replace(Space, ' ')),
        })];
        // No piece goes on over the beginning of a word, so no merge does, and a word's tokens never depend on its neighbours.
        wordsStandAlone = !model.Pieces.Any(piece => GoesOnOverASpace(piece.Text)) && !merges.HasUserDefined;
    }

    public override int Vocabulary => model.Pieces.Count;

    public override int Bos => model.Bos;

    public override int Eos => model.Eos;

    public override string Piece(int token) => model.Pieces[Checked(token)].Text;

    public override bool IsControl(int token) => model.Pieces[Checked(token)].Kind == PieceKind.Control;

    internal override ReadOnlySpan<byte> Utf8(int token) => utf8[Checked(token)];

    internal override int DummyPrefixBytes(int token) =>
        (model.AddDummyPrefix || model.RemoveExtraWhitespace)
        && model.Pieces[Checked(token)] is { Kind: PieceKind.Normal or PieceKind.UserDefined } piece && piece.Text[0] == Space ? 1 : 0;

    public override void Append(string text, List<int> tokens)
    {
        var prepared = Prepare(text);
        var mine = idle.TryTake(out var free) ? free : new Words();
        if (wordsStandAlone)
            AppendWords(prepared, mine, tokens);
        else
            Merge(prepared, mine.Scratch, tokens);
        idle.Add(mine);
    }

    /// <summary>What one thread needs while it encodes.</summary>
    sealed class Words
    {
        public Dictionary<string, int[]> Known { get; } = new(StringComparer.Ordinal);

        public BytePairScratch Scratch { get; } = new();
    }

    void AppendWords(string prepared, Words mine, List<int> tokens)
    {
        for (int from = 0, to; from < prepared.Length; from = to)
        {
            to = from + 1;
            while (to < prepared.Length && (prepared[to] != Space || prepared[to - 1] == Space))
                to++;
            AppendWord(prepared.AsSpan(from, to - from), mine, tokens);
        }
    }

    void AppendWord(ReadOnlySpan<char> word, Words mine, List<int> tokens)
    {
        var known = mine.Known.GetAlternateLookup<ReadOnlySpan<char>>();
        if (!known.TryGetValue(word, out var its))
        {
            var before = tokens.Count;
            Merge(word, mine.Scratch, tokens);
            if (word.Length > WordCharsMax)
                return;
            if (mine.Known.Count >= WordsMax)
                mine.Known.Clear();
            known[word] = [.. tokens[before..]];
            return;
        }
        tokens.AddRange(its.AsSpan());
    }

    void Merge(ReadOnlySpan<char> text, BytePairScratch scratch, List<int> tokens)
    {
        Span<byte> bytes = stackalloc byte[4];
        var unknown = false;
        foreach (var symbol in merges.Apply(text, scratch))
        {
            if (symbol.Id >= 0 && symbol.Id < model.Pieces.Count)
            {
                tokens.Add(symbol.Id);
                unknown = false;
            }
            else if (model.ByteFallback)
            {
                foreach (var b in bytes[..Encoding.UTF8.GetBytes(text.Slice(symbol.Start, symbol.Length), bytes)])
                    tokens.Add(model.BytePieces[b]);
            }
            else if (!unknown) // a run of unknown characters is one unknown piece
            {
                tokens.Add(model.Unknown);
                unknown = true;
            }
        }
    }

    /// <summary>The normaliser of SentencePiece under the identity map.</summary>
    string Prepare(string text)
    {
        var space = model.EscapeWhitespace ? Space : ' ';
        var prepared = new StringBuilder(text.Length + 1);
        if (model.RemoveExtraWhitespace)
            text = text.Trim(' ');
        if (text.Length == 0)
            return "";
        if (model.AddDummyPrefix)
            prepared.Append(space);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == ' ')
            {
                if (!(model.RemoveExtraWhitespace && text[i - 1] == ' '))
                    prepared.Append(space);
            }
            else if (char.IsSurrogate(c))
            {
                if (i + 1 < text.Length && char.IsSurrogatePair(c, text[i + 1]))
                    prepared.Append(c).Append(text[++i]);
                else
                    prepared.Append('\uFFFD');
            }
            else
            {
                prepared.Append(c);
            }
        }
        return prepared.ToString();
    }

    static bool GoesOnOverASpace(string piece)
    {
        for (var i = 1; i < piece.Length; i++)
        {
            if (piece[i] == Space && piece[i - 1] != Space)
                return true;
        }
        return false;
    }
}
