using System.Runtime.InteropServices;
using System.Text;

namespace Orchestrator.Learning.Data;

/// <summary>A run of characters that became one symbol.</summary>
/// <param name="Id">number of its piece; a single character that is no piece has -1 or a number beyond the vocabulary</param>
/// <param name="Start">its first UTF-16 unit</param>
/// <param name="Length">its UTF-16 units</param>
internal readonly record struct BytePairSymbol(int Id, int Start, int Length);

/// <summary>Memory of one thread for <see cref="BytePairMerges.Apply"/>.</summary>
internal sealed class BytePairScratch
{
    internal struct Symbol
    {
        public int Id;
        public int Start;
        public int Length;
        public int Before;
        public int After;
        public bool Frozen;
    }

    internal readonly record struct Candidate(int Left, int Right, int Length, int Id);

    internal List<Symbol> Symbols { get; } = [];

    /// <summary>The highest score first, of equal ones the leftmost.</summary>
    internal PriorityQueue<Candidate, (float Score, int Left)> Queue { get; } = new(Comparer<(float Score, int Left)>.Create(
        (a, b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : a.Left.CompareTo(b.Left)));

    internal List<BytePairSymbol> Merged { get; } = [];
}

/// <summary>
/// The merges of a SentencePiece BPE vocabulary: of all neighbours whose union is a piece, those of the highest score become one, the leftmost
/// of equal ones first, until none is left.
/// </summary>
internal sealed class BytePairMerges
{
    readonly Dictionary<Rune, int> characters = [];
    readonly Dictionary<long, (int Id, float Score)> unions = [];
    readonly List<(string Text, int Id)> userDefined = [];

    public BytePairMerges(IReadOnlyList<SentencePiece> pieces)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < pieces.Count; i++)
        {
            if (pieces[i].Kind is PieceKind.Normal or PieceKind.UserDefined)
                ids.Add(pieces[i].Text, i);
            if (pieces[i].Kind == PieceKind.UserDefined)
                userDefined.Add((pieces[i].Text, i));
        }
        userDefined.Sort((a, b) => b.Text.Length != a.Text.Length ? b.Text.Length - a.Text.Length : a.Id - b.Id);
        var next = pieces.Count;
        foreach (var (piece, id) in ids.ToList())
        {
            foreach (var rune in piece.EnumerateRunes())
            {
                if (!characters.ContainsKey(rune))
                    characters.Add(rune, ids.TryGetValue(rune.ToString(), out var own) ? own : next++);
            }
        }
        // Every symbol is a character or a piece, so a union is known by its two halves' numbers instead of its text.
        var lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var (piece, id) in ids)
        {
            for (var cut = 1; cut < piece.Length; cut++)
            {
                if (!char.IsLowSurrogate(piece[cut]) && Half(piece.AsSpan(0, cut)) is { } left && Half(piece.AsSpan(cut)) is { } right)
                    unions.Add(Key(left, right), (id, pieces[id].Score));
            }
        }

        int? Half(ReadOnlySpan<char> text) =>
            lookup.TryGetValue(text, out var id) ? id
            : Rune.DecodeFromUtf16(text, out var rune, out var used) == System.Buffers.OperationStatus.Done && used == text.Length ? characters[rune]
            : null;
    }

    /// <summary>Whether pieces are matched before any merge, wherever they stand.</summary>
    public bool HasUserDefined => userDefined.Count > 0;

    /// <summary>Merges a text.</summary>
    /// <param name="text">prepared: well-formed UTF-16</param>
    /// <param name="scratch">the calling thread's</param>
    /// <returns>the symbols in order, valid until the next call with the same scratch</returns>
    public ReadOnlySpan<BytePairSymbol> Apply(ReadOnlySpan<char> text, BytePairScratch scratch)
    {
        scratch.Symbols.Clear();
        scratch.Queue.Clear();
        scratch.Merged.Clear();
        Split(text, scratch.Symbols);
        var symbols = CollectionsMarshal.AsSpan(scratch.Symbols);
        for (var i = 1; i < symbols.Length; i++)
            Propose(symbols, i - 1, i, scratch);
        while (scratch.Queue.TryDequeue(out var best, out _))
        {
            ref var left = ref symbols[best.Left];
            ref var right = ref symbols[best.Right];
            if (left.Length == 0 || right.Length == 0 || left.Length + right.Length != best.Length)
                continue; // one of the two has been merged with another since
            left.Id = best.Id;
            left.Length = best.Length;
            left.After = right.After;
            right.Length = 0;
            if (left.After >= 0)
                symbols[left.After].Before = best.Left;
            Propose(symbols, left.Before, best.Left, scratch);
            Propose(symbols, best.Left, left.After, scratch);
        }
        for (var i = symbols.Length == 0 ? -1 : 0; i >= 0; i = symbols[i].After)
            scratch.Merged.Add(new BytePairSymbol(symbols[i].Id, symbols[i].Start, symbols[i].Length));
        return CollectionsMarshal.AsSpan(scratch.Merged);
    }

    void Split(ReadOnlySpan<char> text, List<BytePairScratch.Symbol> symbols)
    {
        for (var at = 0; at < text.Length;)
        {
            var (id, length, frozen) = First(text[at..]);
            symbols.Add(new BytePairScratch.Symbol
            {
                Id = id,
                Start = at,
                Length = length,
                Before = symbols.Count - 1,
                After = at + length < text.Length ? symbols.Count + 1 : -1,
                Frozen = frozen,
            });
            at += length;
        }
    }

    (int Id, int Length, bool Frozen) First(ReadOnlySpan<char> text)
    {
        foreach (var (whole, id) in userDefined)
        {
            if (text.StartsWith(whole, StringComparison.Ordinal))
                return (id, whole.Length, true);
        }
        Rune.DecodeFromUtf16(text, out var rune, out var length);
        return (characters.TryGetValue(rune, out var character) ? character : -1, length, false);
    }

    void Propose(ReadOnlySpan<BytePairScratch.Symbol> symbols, int left, int right, BytePairScratch scratch)
    {
        if (left < 0 || right < 0 || symbols[left].Id < 0 || symbols[right].Id < 0 || symbols[left].Frozen || symbols[right].Frozen)
            return;
        if (unions.TryGetValue(Key(symbols[left].Id, symbols[right].Id), out var union))
        {
            var length = symbols[left].Length + symbols[right].Length;
            scratch.Queue.Enqueue(new BytePairScratch.Candidate(left, right, length, union.Id), (union.Score, left));
        }
    }

    static long Key(int left, int right) => (long)left << 32 | (uint)right;
}
