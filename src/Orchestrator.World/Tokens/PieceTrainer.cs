namespace Orchestrator.World.Tokens;

/// <summary>
/// Learns the pieces of a vocabulary from text: byte-pair encoding (Sennrich et al., arXiv 1508.07909) inside words. A lower-case word has its
/// space in front (<c>▁river</c>); a capital letter never has, so that a name has the same pieces after a space, a colon, a line feed or a quote.
/// </summary>
public sealed class PieceTrainer
{
    /// <summary>SentencePiece's mark for a space.</summary>
    public const char Space = '▁';

    readonly Dictionary<string, long> words = [];

    /// <summary>Counts the words of <paramref name="text"/>, <paramref name="weight"/> times each.</summary>
    public void Read(string text, long weight = 1)
    {
        foreach (var word in Words(Space + text.Replace(' ', Space)))
            words[word] = words.GetValueOrDefault(word) + weight;
    }

    /// <summary>The pieces, best first: merges in the order in which they were learned, then single characters.</summary>
    /// <param name="count">number of pieces, more than the characters of printable ASCII</param>
    public IReadOnlyList<string> Learn(int count)
    {
        var characters = words.Keys.SelectMany(word => word).Concat(Enumerable.Range(' ' + 1, '~' - ' ').Select(code => (char)code)).Append('\n')
            .Distinct().Order().Select(character => character.ToString()).ToArray();
        var split = words.OrderBy(word => word.Key, StringComparer.Ordinal)
            .Select(word => (Pieces: word.Key.Select(character => character.ToString()).ToList(), Count: word.Value)).ToArray();
        List<string> merges = [];
        while (merges.Count + characters.Length < count)
        {
            var (left, right) = MostFrequentPair(split);
            merges.Add(left + right);
            foreach (var (pieces, _) in split)
                Merge(pieces, left, right);
        }
        return [.. merges, .. characters];
    }

    /// <summary>The parts of a text inside which pieces may be learned: a word, with its space if lower case, or a run of one mark.</summary>
    public static IEnumerable<string> Words(string text)
    {
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = start + 1;
            var spaced = text[start] == Space && end < text.Length && char.IsAsciiLetterLower(text[end]);
            if (spaced || char.IsAsciiLetter(text[start]))
                while (end < text.Length && char.IsAsciiLetterLower(text[end]))
                    end++;
            else
                while (end < text.Length && text[end] == text[start])
                    end++;
            yield return text[start..end];
        }
    }

    static (string Left, string Right) MostFrequentPair((List<string> Pieces, long Count)[] split)
    {
        Dictionary<(string, string), long> counts = [];
        foreach (var (pieces, count) in split)
            for (var i = 1; i < pieces.Count; i++)
                counts[(pieces[i - 1], pieces[i])] = counts.GetValueOrDefault((pieces[i - 1], pieces[i])) + count;
        return counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key.Item1, StringComparer.Ordinal)
            .ThenBy(pair => pair.Key.Item2, StringComparer.Ordinal).First().Key;
    }

    static void Merge(List<string> pieces, string left, string right)
    {
        for (var i = 1; i < pieces.Count; i++)
        {
            if (pieces[i - 1] != left || pieces[i] != right)
                continue;
            pieces[i - 1] = left + right;
            pieces.RemoveAt(i);
        }
    }
}
