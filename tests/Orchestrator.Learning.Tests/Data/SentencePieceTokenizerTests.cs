using System.Text.Json;
using CsCheck;
using Microsoft.ML.Tokenizers;
using Tokenizer = Orchestrator.Learning.Data.Tokenizer;

namespace Orchestrator.Learning.Tests.Data;

public class SentencePieceTokenizerTests
{
    static IEnumerable<(string Text, int[] Ids)> Golden() =>
        File.ReadLines(SharedFiles.Need("reference/tokenizer/llama32k.jsonl")).Select(line =>
        {
            using var json = JsonDocument.Parse(line);
            return (json.RootElement.GetProperty("text").GetString()!, json.RootElement.GetProperty("ids").Deserialize<int[]>()!);
        });

    [Fact]
    public void Every_golden_text_has_the_token_numbers_of_LLaMAs_own_tokenizer()
    {
        foreach (var (text, ids) in Golden())
            Assert.Equal(ids, SharedFiles.Llama.Encode(text, bos: true));
    }

    [Fact]
    public void Every_golden_text_comes_back_from_its_tokens()
    {
        foreach (var (text, ids) in Golden())
            Assert.Equal(text.Replace('▁', ' '), SharedFiles.Llama.Decode(ids));
    }

    [Fact]
    public void Equal_pairs_are_merged_from_the_left_where_the_library_merges_from_the_right()
    {
        // The reason for an encoder of our own: should the library's part of this fail one day, it can take its place.
        using var model = File.OpenRead(SharedFiles.Need("tokenizers/llama-32k/tokenizer.model"));
        var library = LlamaTokenizer.Create(model, addBeginOfSentence: false, addEndOfSentence: false);
        Assert.Equal(["▁a", "##", "#"], SharedFiles.Llama.Encode("a###").Select(SharedFiles.Llama.Piece));
        Assert.Equal(["▁a", "#", "##"], library.EncodeToIds("a###").Select(SharedFiles.Llama.Piece));
    }

    static readonly Gen<string> AnyText = Gen.OneOf<string>(
        Gen.String[Gen.Char, 0, 40],
        Gen.OneOf("a", "the", " ", "  ", "\n", "é", "日本", "🤖", "▁", "<s>", "</s>", "<0x0A>", "#", "\t", "\0", "1", "x", "…")
            .Array[0, 30].Select(string.Concat));

    [Fact]
    public void Any_text_comes_back_from_its_tokens() => AnyText.Sample(text =>
    {
        foreach (var tokenizer in new[] { SharedFiles.Llama, SharedFiles.Stories })
            Assert.Equal(WellFormed(text).Replace('▁', ' '), tokenizer.Decode(tokenizer.Encode(text, bos: true, eos: true)));
    }, iter: 1000);

    [Fact]
    public void Words_remembered_one_by_one_give_what_the_merges_give_over_the_whole_text() => AnyText.Sample(text =>
    {
        var prepared = "▁" + WellFormed(text).Replace(' ', '▁');
        if (text.Length > 0)
            Assert.Equal(SlowMerge(SharedFiles.Llama, prepared), SharedFiles.Llama.Encode(text));
    }, iter: 300);

    /// <summary>The definition: as long as some union of two neighbours is a piece, unite the pair whose union has the lowest number (LLaMA's
    /// scores fall with the number, but for runs of spaces, which come last), the leftmost of equal ones.</summary>
    static int[] SlowMerge(Tokenizer tokenizer, string text)
    {
        var pieces = Enumerable.Range(259, tokenizer.Vocabulary - 259).ToDictionary(tokenizer.Piece, StringComparer.Ordinal);
        var symbols = text.EnumerateRunes().Select(rune => rune.ToString()).ToList();
        while (true)
        {
            var best = (Rank: int.MaxValue, At: -1);
            for (var i = 1; i < symbols.Count; i++)
            {
                if (pieces.TryGetValue(symbols[i - 1] + symbols[i], out var id) && RankOf(id) < best.Rank)
                    best = (RankOf(id), i - 1);
            }
            if (best.At < 0)
                break;
            symbols[best.At] += symbols[best.At + 1];
            symbols.RemoveAt(best.At + 1);
        }
        return [.. symbols.SelectMany(symbol => pieces.TryGetValue(symbol, out var id)
            ? [id] : System.Text.Encoding.UTF8.GetBytes(symbol).Select(b => 3 + b))];

        int RankOf(int id) => tokenizer.Piece(id).All(c => c == '▁') ? 1_000_000 : id;
    }

    static string WellFormed(string text) => string.Concat(text.EnumerateRunes().Select(rune => rune.ToString()));

    [Fact]
    public void An_empty_text_is_nothing_but_its_control_tokens()
    {
        Assert.Equal([1, 2], SharedFiles.Llama.Encode("", bos: true, eos: true));
        Assert.Equal("", SharedFiles.Llama.Decode([1, 2]));
    }

    [Fact]
    public void What_looks_like_a_control_token_is_text() =>
        Assert.DoesNotContain(SharedFiles.Llama.Encode("<s></s><unk><0x0A>"), token => token < 3 + 256);

    [Fact]
    public void A_continuation_keeps_the_space_that_a_whole_text_loses()
    {
        var tokens = SharedFiles.Llama.Encode("named Lily");
        Assert.Equal("named Lily", SharedFiles.Llama.Decode(tokens));
        Assert.Equal(" named Lily", SharedFiles.Llama.DecodeContinuation(tokens));
    }

    [Fact]
    public void The_small_model_knows_its_pieces()
    {
        var tokens = SharedFiles.Stories.Encode("Once upon a time", bos: true);
        Assert.Equal(["<s>", "▁Once", "▁upon", "▁a", "▁time"], tokens.Select(SharedFiles.Stories.Piece));
        Assert.Equal((512, 1, 2), (SharedFiles.Stories.Vocabulary, SharedFiles.Stories.Bos, SharedFiles.Stories.Eos));
    }
}
