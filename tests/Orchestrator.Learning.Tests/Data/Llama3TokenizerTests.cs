using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using Orchestrator.Learning.Data;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Tests.Data;

public sealed partial class Llama3TokenizerTests : IDisposable
{
    /// <summary>Merges that meet each other: within words, over spaces, line ends, digits.</summary>
    static readonly string[] Merges =
        ["th", "in", " t", "the", " the", "an", "ab", "bc", "abc", "##", "###", "\n\n", "  ", "12", "123", "'s", "é", "日", " a", "aa", "aaaa", "ss", "…"];

    readonly Folder folder = new();
    readonly Tokenizer tokenizer;

    public Llama3TokenizerTests() => tokenizer = Tokenizer.Open(folder.Write("tokenizer.model", SmallModels.Tiktoken(Merges)));

    public void Dispose() => folder.Dispose();

    [GeneratedRegex(@"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")]
    private static partial Regex Words();

    /// <summary>Text without surrogate pairs, where .NET's classes are the pattern's.</summary>
    static readonly Gen<string> PlainText = Gen.OneOf<string>(
        Gen.Char['\u0001', '\uD7FF'].Where(c => c != '\u017F').Array[0, 30].Select(chars => new string(chars)),
        Gen.OneOf("the", "The", "in", "'s", "'RE", "'", " ", "  ", "\t", "\n", "\r\n", "1", "1234", "é", "日本", "###", "…", "a", "\u00A0", "_", "abbc")
            .Array[0, 30].Select(string.Concat));

    [Fact]
    public void Any_text_is_cut_by_the_pattern_and_merged_by_rank() => PlainText.Sample(text =>
    {
        var expected = Words().Matches(text).SelectMany(word => Merge(Encoding.UTF8.GetBytes(word.Value)));
        Assert.Equal(expected, tokenizer.Encode(text));
    }, iter: 500);

    /// <summary>The definition: the neighbours whose union has the lowest rank become one, the leftmost of equal ones first.</summary>
    static IEnumerable<int> Merge(byte[] word)
    {
        var ranks = Enumerable.Range(0, 256).Select(b => new[] { (byte)b }).Concat(Merges.Select(Encoding.UTF8.GetBytes))
            .Select((token, rank) => (Key: Convert.ToHexString(token), rank)).ToDictionary(one => one.Key, one => one.rank);
        var parts = word.Select(b => Convert.ToHexString([b])).ToList();
        if (ranks.TryGetValue(string.Concat(parts), out var whole))
            return [whole];
        while (true)
        {
            var best = Enumerable.Range(1, Math.Max(0, parts.Count - 1)).Where(i => ranks.ContainsKey(parts[i - 1] + parts[i]))
                .OrderBy(i => ranks[parts[i - 1] + parts[i]]).ThenBy(i => i).FirstOrDefault();
            if (best == 0)
                return parts.Select(part => ranks[part]);
            parts[best - 1] += parts[best];
            parts.RemoveAt(best);
        }
    }

    [Fact]
    public void Any_text_comes_back_from_its_tokens() => Gen.String[Gen.Char, 0, 40].Sample(text => Assert.Equal(
        string.Concat(text.EnumerateRunes().Select(rune => rune.ToString())), tokenizer.Decode(tokenizer.Encode(text, bos: true, eos: true))));

    [Fact]
    public void Letters_beyond_the_basic_plane_are_letters()
    {
        // U+10437 and U+1D7D8: a letter and a digit; the space goes with the letter, the quotation mark with neither digit.
        var model = SmallModels.Tiktoken(" \U00010437", "'\U0001D7D8", "\U00010437a");
        var other = Tokenizer.Open(folder.Write("other.model", model));
        Assert.Equal([256], other.Encode(" \U00010437"));
        Assert.DoesNotContain(257, other.Encode("'\U0001D7D8"));
        Assert.Equal([258], other.Encode("\U00010437a"));
    }

    [Fact]
    public void A_run_without_white_space_is_cut_after_25_000_characters_as_Meta_does()
    {
        // "aa" and "aaaa" would go on over the cut.
        var tokens = tokenizer.Encode(new string('a', 25_001) + " " + new string('a', 24_999));
        Assert.Equal(["aaaa", "a", " a"], new[] { tokens[6249], tokens[6250], tokens[6251] }.Select(tokenizer.Piece));
    }

    [Fact]
    public void Control_tokens_follow_the_ranks_and_are_never_found_in_text()
    {
        var ranks = 256 + Merges.Length;
        Assert.Equal((ranks + 256, ranks, ranks + 1), (tokenizer.Vocabulary, tokenizer.Bos, tokenizer.Eos));
        Assert.Equal("<|begin_of_text|>", tokenizer.Piece(tokenizer.Bos));
        Assert.Equal("<|eot_id|>", tokenizer.Piece(ranks + 9));
        Assert.DoesNotContain(tokenizer.Encode("<|begin_of_text|><|eot_id|>"), tokenizer.IsControl);
        Assert.Equal([ranks, ranks + 1], tokenizer.Encode("", bos: true, eos: true));
    }

    [Theory]
    [InlineData("YQ== 0\nYg== x\n", ":2: \"Yg== x\" found")]
    [InlineData("YQ== 0\nYQ== 1\n", ":2: a token that stands above already found")]
    [InlineData("YQ== 0\nYg== 0\n", ":2: rank 0 found")]
    [InlineData("YQ== 0\nYg== 7\n", ":2: rank 7 found")]
    [InlineData("YQ== 0\nYg== 1\n", ": no token for byte 0x00 found")]
    public void A_broken_line_is_named(string text, string problem) =>
        Assert.Contains(problem, Assert.Throws<ProblemException>(() => Tokenizer.Open(folder.Write("broken.model", text))).Message);
}
